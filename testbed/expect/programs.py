"""Expectations about programs of the user's."""

from __future__ import annotations

from testbed.expect.conservation.passages import passages
from testbed.expect.deeds import deeds
from testbed.expect.observed import programs
from testbed.expect.sealed import sealed, unless_sealed
from testbed.expect.sent import offered
from testbed.expect.verdict import Verdict
from testbed.plural import times
from testbed.protocols import events
from testbed.scenario.programs import Exited, Running
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import AnyEntry, LogEntry, of


def judge_exited(expected: Exited, analysis: Analysis) -> Verdict:
    """Every matching program, or so many of them, ended with the status, and said what it should."""
    which = f"'{expected.command}'" if expected.command else "every program"
    if expected.agrees_with is not None:
        return _judge_agreement(expected, analysis, which)
    what = f"{which} exited with status {expected.status}"
    what += f", {times(expected.count)}" if expected.count is not None else ""
    what += f", saying '{expected.output}'" if expected.output is not None else ""
    ended = [entry for entry in of(analysis.log, events.Exited) if expected.command in entry.event.command]
    if not ended:
        return Verdict(what, False, "no such program ran", (), expected.line)
    notes = [f"status {entry.event.status}" for entry in ended]
    frames = [entry.frame for entry in ended]
    right = [entry for entry in ended if entry.event.status == expected.status]
    if expected.output is not None:
        said = {entry.frame: _said(analysis, entry, expected.output) for entry in right}
        right = [entry for entry in right if said[entry.frame] is not None]
        frames += [line.frame for line in said.values() if line is not None]
        if len(right) < len(said):
            notes.append(f"no line of the output contains '{expected.output}'")
    held = len(right) == (len(ended) if expected.count is None else expected.count)
    return Verdict(what, held, ", ".join(notes), tuple(sorted(frames)), expected.line)


def _judge_agreement(expected: Exited, analysis: Analysis, which: str) -> Verdict:
    """Status 0 for mail that was promised to every recipient, another for any other."""
    what = f"{which} exited with a status that agrees with the replies to its mail"
    carried = passages(analysis)
    ended = [deed for deed in deeds(analysis) if deed.exited is not None and expected.command in deed.command]
    notes, right, frames = [], 0, list[int]()
    for deed in ended:
        offers = offered(deed, analysis, carried)
        failed = [one for one in offers if not one.taken]
        status = deed.exited.event.status if deed.exited is not None else 0
        right += (status == 0) == (bool(offers) and not failed)
        fates = ", ".join(one.fate for one in (failed or offers)[:3]) or "it offered no message"
        notes.append(f"status {status}, and {fates}")
        frames += [*(frame for one in offers for frame in one.frames), *([deed.exited.frame] if deed.exited else [])]
    held = bool(ended) and right == (len(ended) if expected.count is None else expected.count)
    why = "; ".join(dict.fromkeys(notes)) or "no such program ran"
    verdict = Verdict(what, held, why, tuple(sorted(frames)), expected.line)
    return unless_sealed(verdict, sealed(analysis, {deed.host for deed in ended}))


def _said(analysis: Analysis, ended: LogEntry[events.Exited], text: str) -> LogEntry[events.Said] | None:
    """The line of output with this in it, of the program that ended so: programs of a scenario run one by one."""
    earlier = [e.frame for e in of(analysis.log, events.Exited) if e.frame < ended.frame]
    since = 0 if ended.host in programs(analysis) else max(earlier, default=0)
    lines = (e for e in of(analysis.log, events.Said) if e.host == ended.host and since < e.frame < ended.frame)
    return next((line for line in lines if text in line.event.text), None)


def judge_running(expected: Running, analysis: Analysis) -> Verdict:
    """The program has been started and has not ended by itself."""
    here = [entry for entry in analysis.log if entry.host == expected.at]
    started = list(of(here, events.Started))
    crashed: list[AnyEntry] = [entry for entry in of(here, events.Exited) if entry.event.plays == expected.at]
    frames = tuple(entry.frame for entry in (*started, *crashed, *of(here, events.Stopped)))
    crashed += of(here, events.Exhausted, events.NotServing)
    why = crashed[0].message if crashed else "it ran to the end" if started else "no program was started there"
    return Verdict(f"{expected.at} keeps running", bool(started) and not crashed, why, frames, expected.line)
