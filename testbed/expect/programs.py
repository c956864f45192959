"""Expectations about programs of the user's."""

from __future__ import annotations

from testbed.expect.mail import entries
from testbed.expect.observed import programs
from testbed.expect.verdict import Verdict
from testbed.protocols.events import Event
from testbed.scenario.programs import Exited, Running
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import LogEntry


def judge_exited(expected: Exited, analysis: Analysis) -> Verdict:
    """Every matching program, or so many of them, ended with the status, and said what it should."""
    which = f"'{expected.command}'" if expected.command else "every program"
    what = f"{which} exited with status {expected.status}"
    what += f", {expected.count} times" if expected.count is not None else ""
    what += f", saying '{expected.output}'" if expected.output is not None else ""
    ended = [e for e in entries(analysis, Event.EXITED) if expected.command in e.fields.get("command", "")]
    if not ended:
        return Verdict(what, False, "no such program ran", (), expected.line)
    notes = [f"status {entry.fields.get('status')}" for entry in ended]
    frames = [entry.frame for entry in ended]
    right = [entry for entry in ended if entry.fields.get("status") == str(expected.status)]
    if expected.output is not None:
        said = {entry.frame: _said(analysis, entry, expected.output) for entry in right}
        right = [entry for entry in right if said[entry.frame] is not None]
        frames += [line.frame for line in said.values() if line is not None]
        if len(right) < len(said):
            notes.append(f"no line of the output has '{expected.output}' in it")
    held = len(right) == (len(ended) if expected.count is None else expected.count)
    return Verdict(what, held, ", ".join(notes), tuple(sorted(frames)), expected.line)


def _said(analysis: Analysis, ended: LogEntry, text: str) -> LogEntry | None:
    """The line of output with this in it, of the program that ended so: programs of a scenario run one by one."""
    earlier = [e.frame for e in entries(analysis, Event.EXITED) if e.frame < ended.frame]
    since = 0 if ended.host in programs(analysis) else max(earlier, default=0)
    lines = [e for e in entries(analysis, Event.SAID, host=ended.host) if since < e.frame < ended.frame]
    return next((line for line in lines if text in line.fields.get("text", "")), None)


def judge_running(expected: Running, analysis: Analysis) -> Verdict:
    """The program has been started and has not ended by itself."""
    started = entries(analysis, Event.STARTED, host=expected.at)
    ended = entries(analysis, Event.EXITED, host=expected.at)
    crashed = [entry for entry in ended if entry.fields.get("plays") == expected.at]
    frames = tuple(e.frame for e in (*started, *crashed, *entries(analysis, Event.STOPPED, host=expected.at)))
    why = crashed[0].message if crashed else "it ran to the end" if started else "no program was started there"
    return Verdict(f"{expected.at} keeps running", bool(started) and not crashed, why, frames, expected.line)
