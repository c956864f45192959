"""Conservation of mail: what a server answered 250 for is delivered, bounced or still queued; never lost or altered.

What nobody can see is not judged, and the verdict says of what.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from testbed.expect.conservation.copies import kept_though_refused, misdelivered, sent_again, stored_too_often
from testbed.expect.conservation.folders import in_two_folders
from testbed.expect.conservation.ledger import Debt, Ledger
from testbed.expect.conservation.octets import altered
from testbed.expect.conservation.passages import Passage, passages
from testbed.expect.conservation.passing_on import PassedOn
from testbed.expect.conservation.stored import known_again
from testbed.expect.observed import programs
from testbed.expect.read_back import unknown
from testbed.expect.sealed import encrypted, ends, hides_mail, sealed
from testbed.expect.verdict import Reason, Verdict
from testbed.plural import count, times
from testbed.protocols.header import named
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis

CONSERVED = "no mail is lost, and none is duplicated without cause"
UNALTERED = "no mail is altered"
LOST = "no mail is lost (RFC 5321 §6.1)"
DOUBLED = "no mail is duplicated without cause (RFC 1047)"
SENT_AGAIN = "no relay sends again what it has heard the 250 for (RFC 5321 §6.1)"
KEPT = "no mail is kept that was refused (RFC 5321 §4.2.1)"
ASTRAY = "mail goes to nobody whom it was not sent to"
NOT_JUDGED = "mail that programs hold"
UNDER_TLS = "mail under TLS"
_NOTHING_SEEN = "no promise could be followed to its end"
_MOST = 5  # sentences in one verdict


def judge_conservation(
    analysis: Analysis, carried: Sequence[Passage], scenario: Scenario | None = None
) -> tuple[Verdict, ...]:
    """On what was altered, where anything was; on what nobody can see, where there is any; on all mail of a trace.

    What the ``scenario`` has its relays change is no alteration.  Hosts some of whose mail TLS hides are accused of
    nothing.
    """
    closed = list(filter(hides_mail, sealed(analysis)))
    hidden = ends(closed)
    log = known_again(analysis, carried)
    accusing = [entry for entry in log if entry.host not in hidden]
    debts = [debt for debt in Ledger(analysis, carried, log).debts() if debt.host not in hidden or debt.is_kept]
    changed = _reasons(UNALTERED, altered(analysis, carried, accusing, hidden, PassedOn(scenario)))
    unseen = [debt for debt in debts if debt.unseen]
    verdicts = [_broken(UNALTERED, changed, _frames(carried))] if changed else []
    if unseen:
        reasons = unknown(analysis)
        why = _some(_doubt(debt, reasons.get((debt.host, debt.recipient), "")) for debt in unseen)
        verdicts.append(Verdict(NOT_JUDGED, True, why, _of_debts(unseen), judged=False))
    if closed:
        frames = tuple(connection.first_frame for connection in closed)
        verdicts.append(Verdict(UNDER_TLS, True, encrypted(closed), frames, judged=False))
    stored, excused = stored_too_often(analysis, carried, accusing)
    doubled = [
        *_reasons(DOUBLED, (*stored, *in_two_folders(analysis))),
        *_reasons(SENT_AGAIN, sent_again(analysis, carried, hidden)),
        *_reasons(KEPT, kept_though_refused(analysis, carried, accusing)),
        *_reasons(ASTRAY, misdelivered(analysis, carried, accusing, hidden)),
    ]
    conserved = _conserved(debts, doubled, excused)
    nothing_seen = bool(verdicts) and conserved.held and not any(debt.is_kept for debt in debts)
    return (*verdicts, replace(conserved, judged=False, why=_NOTHING_SEEN) if nothing_seen else conserved)


def is_missing(analysis: Analysis) -> bool:
    """Whether any mail that a server has promised is nowhere."""
    carried = passages(analysis)
    return any(debt.lost for debt in Ledger(analysis, carried, known_again(analysis, carried)).debts())


def programs_owe(analysis: Analysis) -> bool:
    """Whether any mail that a program has promised is, as far as the trace has come, neither delivered nor returned."""
    carried, hosts = passages(analysis), programs(analysis)
    debts = Ledger(analysis, carried, known_again(analysis, carried)).debts()
    return any(debt.host in hosts and not debt.is_kept for debt in debts)


def _conserved(debts: Sequence[Debt], doubled: Sequence[Reason], excused: Iterable[str]) -> Verdict:
    lost = [debt for debt in debts if debt.lost]
    if lost or doubled:
        return _broken(CONSERVED, (*_reasons(LOST, map(_loss, lost)), *doubled), _of_debts(lost or debts))
    kept = sum(debt.promised - debt.unseen for debt in debts)
    accounted = f"{count(kept, 'promise')} kept" if debts else "no server promised anything"
    return Verdict(CONSERVED, True, _some((accounted, *excused)), _of_debts(debts))


def _reasons(what: str, sentences: Iterable[str]) -> list[Reason]:
    return [Reason(what, sentence) for sentence in dict.fromkeys(sentences)]


def _broken(what: str, reasons: Sequence[Reason], frames: tuple[int, ...]) -> Verdict:
    return Verdict(what, False, _some(reason.why for reason in reasons), frames, reasons=tuple(reasons))


def _some(sentences: Iterable[str]) -> str:
    """Sentences as one: the first of them, and how many more there are."""
    told = list(dict.fromkeys(sentences))
    more = len(told) - _MOST
    return "; ".join(told[:_MOST]) + (f"; and {more} more" if more > 0 else "")


def _loss(debt: Debt) -> str:
    what = f"{debt.host} answered 250 for {named(debt.message_id)} to {debt.recipient}"
    how_often = f" {times(debt.promised)}" if debt.promised > 1 else ""
    kept = debt.promised - debt.lost
    fate = f"only {kept} of them {'is' if kept == 1 else 'are'}" if kept else "it is neither"
    told = ", and its sender was notified only of a delay" if debt.delayed else ""
    return f"{what}{how_often}; {fate} delivered, bounced, {'or' if kept else 'nor'} queued{told}"


def _doubt(debt: Debt, reason: str) -> str:
    what = f"nobody can see whether {debt.host}, a program, still has {named(debt.message_id)} for {debt.recipient}"
    return f"{what}: {reason}" if reason else what


def _of_debts(debts: Iterable[Debt]) -> tuple[int, ...]:
    return tuple(sorted({frame for debt in debts for frame in debt.frames}))


def _frames(carried: Iterable[Passage]) -> tuple[int, ...]:
    return tuple(sorted({frame for passage in carried for frame in passage.frames}))
