"""What became of DNS questions, in one line."""

from __future__ import annotations

from testbed.trace.model.exchange import Exchange
from testbed.trace.services.dns.results import asked_of


def outcome_of_questions(exchanges: tuple[Exchange, ...]) -> str:
    """Each question with its answer; ``"no query"`` where there is none."""
    parts = []
    for exchange in exchanges[:4]:
        question = f"{exchange.command.verb} {exchange.command.argument}" if exchange.command else "?"
        asked = asked_of(exchange)
        question += " (do)" if asked is not None and asked.wants_signatures else ""
        if exchange.reply is None:
            answer = exchange.note
        else:
            answer = ", ".join(exchange.reply.lines[:4]) or exchange.note or exchange.reply.code
        parts.append(f"{question}: {answer}")
    more = f"; {len(exchanges) - 4} more" if len(exchanges) > 4 else ""
    return "; ".join(parts) + more or "no query"
