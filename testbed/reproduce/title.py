"""What a scenario is called: what went wrong first, and what became of the mail; nobody is named."""

from __future__ import annotations

from collections.abc import Sequence

from testbed.plural import count
from testbed.reproduce.visits import Visit
from testbed.trace.model.exchange import UNSEEN, Recipient
from testbed.trace.model.finding import Severity

_TRIES = ("first", "second", "third", "fourth", "fifth")


def title(visits: Sequence[Visit]) -> str:
    """``Mailbox full: mail is taken at the third try``; ``visits`` stand in order of time."""
    cause, fate = _cause(visits), _fate(visits)
    told = f"{cause}: {fate}" if cause and not fate.endswith(f" {cause}") else fate
    return told[:1].upper() + told[1:]


def _cause(visits: Sequence[Visit]) -> str:
    """The first of the worst that was found, by its code: sentences have names in them."""
    found = [finding for visit in visits for finding in visit.connection.findings]
    for severity in (Severity.ERROR, Severity.WARNING):
        for finding in found:
            if finding.severity is severity:
                return finding.code.replace("-", " ")
    return ""


def _fate(visits: Sequence[Visit]) -> str:
    tries: dict[str, list[tuple[str, Recipient]]] = {}
    for visit in visits:
        for transaction in visit.connection.transactions:
            for to in transaction.recipients:
                if to.address and to.address != UNSEEN:
                    tries.setdefault(to.address.lower(), []).append((visit.server.name, to))
    if not tries:
        return "no mail is handed over" if visits else "a mailbox is read"
    if len(tries) == 1:
        [tried] = tries.values()
        return f"mail is {_end(tried)}"
    taken = sum(tried[-1][1].accepted for tried in tries.values())
    every = count(len(tries), "recipient")
    if taken == len(tries):
        return f"mail for {every} is taken"
    return f"mail for {taken or 'none'} of {every} is taken"


def _end(tried: Sequence[tuple[str, Recipient]]) -> str:
    """What became of mail for a recipient at the last server it came to."""
    last, to = tried[-1]
    if to.accepted:
        number = sum(server == last for server, _ in tried)
        which = _TRIES[number - 1] if number <= len(_TRIES) else "last"
        return "taken" if number == 1 else f"taken at the {which} try"
    code = to.decisive.code if to.decisive is not None and to.decisive.whole else ""
    if code[:1] in ("4", "5"):
        return "refused for good" if code[0] == "5" else "refused for now"
    return "in doubt" if to.in_doubt else "not taken"
