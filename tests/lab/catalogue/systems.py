"""The table of docs/relays-compared.md: what this relay and Postfix did in the same scenarios.

``python -m tests.lab.catalogue.systems`` prints the page; what each did is read from the reference traces in captures/,
or from those in the folder that is named.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

from testbed.expect.mail import entries
from testbed.expect.observed import owed, programs
from testbed.protocols import events
from testbed.protocols.text import printable
from testbed.scenario.next_hops import LMTP_PORT, SMTP_PORT
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis
from testbed.trace.inspect import inspect
from tests.conftest import PROJECT
from tests.scenarios import SCENARIOS

RELAY = "crepes.fr"
CAPTURES = PROJECT / "captures"
_OPENING = """# Two relays compared

The same scenarios, once with the lab's own relay and once with [Postfix](systems-under-test.md) in its place
([scenarios/postfix/](../scenarios/postfix/)): what each was seen to do. Attempts are connections to a mail server. The
lab's relay waits by scenario time, Postfix by its own compressed configuration: so the kind of behaviour compares, not
the number of attempts. Where it has its own timers, in scenario time, the table says so, and the numbers compare.

`make docs` writes this page from the traces in [captures/](../captures/)."""


def pairs() -> list[tuple[Scenario, Scenario]]:
    """The scenarios of the catalogue whose relay is a program, each behind the one it is like."""
    own = {(str(Path(s.file).resolve()), s.case): s for s in SCENARIOS}
    found = []
    for scenario in SCENARIOS:
        relay = scenario.hosts.get(RELAY)
        key = (str((Path(scenario.file).parent / like_of(scenario)).resolve()), scenario.case)
        if relay is not None and relay.is_program and key in own:
            found.append((own[key], scenario))
    return found


def like_of(scenario: Scenario) -> str:
    """The file of the scenario it is like, as it says itself; nothing where it is like none."""
    found = re.search(r"^like: (\S+)$", scenario.text, re.M)
    return found[1] if found else ""


def trace_of(scenario: Scenario, folder: Path) -> Path:
    """Where the trace of a scenario lies."""
    return folder / f"{scenario.name}.pcapng"


def page(folder: Path = CAPTURES) -> str:
    """The whole page; the traces of programs are those of the folder."""
    rows = ["| scenario | the lab's relay | Postfix |", "| --- | --- | --- |"]
    for ours, theirs in pairs():
        path = Path(ours.file).relative_to(PROJECT)
        case = f" {ours.case}" if ours.case else ""
        did = [deeds(inspect(trace_of(ours, CAPTURES))), deeds(inspect(trace_of(theirs, folder)))]
        if theirs.hosts[RELAY].time == "scenario":
            did[1] += ", by its own timers"
        rows.append(f"| [{path.stem}](../{path}){case}: {_cell(ours.title)} | {did[0]} | {did[1]} |")
    return _OPENING + "\n\n" + "\n".join(rows) + "\n"


def deeds(analysis: Analysis) -> str:
    """What the relay was seen to do with the mail it took, in a few words."""
    tried = Counter(
        connection.server.label
        for connection in analysis.connections
        if connection.client.label == RELAY and connection.server.port in (SMTP_PORT, LMTP_PORT)
    )
    parts = [f"{_times(number, 'attempt')} at {host}" for host, number in sorted(tried.items())] or ["no attempt"]
    elsewhere = [entry for entry in entries(analysis, events.Stored) if entry.host != RELAY]
    parts += [f"delivered {_times(len(elsewhere), 'message')}"] if elsewhere else []
    told = sorted({entry.event.status for entry in entries(analysis, events.Bounced, RELAY)})
    parts += [f"gave mail back with {', '.join(told)}"] if told else []
    keeps = len(owed(analysis, RELAY)) if RELAY in programs(analysis) else len(entries(analysis, events.HoldsQueue))
    parts += [f"still owes {keeps}"] if keeps else []
    return _cell("; ".join(parts))


def _times(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _cell(text: str) -> str:
    return printable(text).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    print(page(Path(sys.argv[1]) if len(sys.argv) > 1 else CAPTURES), end="")
