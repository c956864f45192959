"""Who sent a message, and may they, in a line: ``spf pass (crepes.fr) · dkim pass (crepes.fr) · dmarc pass``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.protocols.text import shortened

if TYPE_CHECKING:  # what few captures need is loaded by those
    from testbed.trace.authentication.judged import Account, Check

_LONGEST = 120


def told_senders(account: Account | None, connection: int, transaction: int) -> str:
    """The results for a transaction; ``""`` where none is known and nobody has signed."""
    judged = account.of(connection, transaction) if account is not None else None
    if judged is None or not any(check.known or check.method in ("dkim", "arc") for check in judged.checks):
        return ""
    return " · ".join(map(_result, judged.checks))


def _result(check: Check) -> str:
    words = [check.domain] if check.domain else []
    if not check.known or (check.method == "dkim" and check.result != "pass"):
        words.append(_cause(check))
    elif check.method == "dmarc" and check.result == "fail":
        words.append(f"p={check.policy}")
    said = f"{check.method} {check.result}"
    return f"{said} ({shortened(': '.join(words), _LONGEST)})" if words else said


def _cause(check: Check) -> str:
    """Of a reason what is not said already: of an unknown result what is missing, of a signature what is wrong."""
    before, _, behind = check.reason.partition(": ")
    return behind or before if not check.known else before
