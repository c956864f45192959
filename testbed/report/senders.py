"""Who sent a message, and may they, in a line: ``spf pass (crepes.fr) · dkim pass (crepes.fr) · dmarc pass``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.protocols.text import shortened

if TYPE_CHECKING:  # what few captures need is loaded by those
    from testbed.trace.authentication.judged import Account, Check

_LONGEST = 120
_OF_CLIENT = ("ptr", "dnsbl")


def told_senders(account: Account | None, connection: int, transaction: int) -> str:
    """The results for a transaction; ``""`` where none is known and nobody has signed.

    Where only something of the client itself is known, nothing is said of what its messages would need.
    """
    judged = account.of(connection, transaction) if account is not None else None
    if judged is None:
        return ""
    of_client = [one for one in judged.checks if one.method in _OF_CLIENT]
    others = [one for one in judged.checks if one.method not in _OF_CLIENT]
    told = judged.hidden or any(one.known or one.method in ("dkim", "arc") for one in others)
    return " · ".join(map(_result, (*of_client, *(others if told else ()))))


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
