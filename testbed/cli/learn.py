"""``testbed learn``: the state machine of a lab's mail server, by asking it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from testbed.bed.source import trace_file
from testbed.cli import FAILED, HELD
from testbed.cli.held import one_scenario
from testbed.cli.run_outputs import STDOUT, written
from testbed.errors import LabError, UsageError
from testbed.extras import needs_extra
from testbed.learn.alphabets import ALPHABETS, Alphabet
from testbed.learn.comparison import Difference, differences
from testbed.learn.json_form import learnt_json
from testbed.learn.machine import Machine
from testbed.learn.machine_file import machine_text, read_machine
from testbed.learn.mermaid import mermaid
from testbed.learn.portrait import Portrait, pairs
from testbed.learn.servers import Bounds, learn_server, mail_host
from testbed.learn.svg import svg
from testbed.learn.table import differences_table, machine_table, pair_table
from testbed.plural import count
from testbed.protocols.text import printable, shown
from testbed.report.compared.comparison import OURS
from testbed.report.console import console
from testbed.scenario.casting import cast_all
from testbed.scenario.defaults import TEXTBOOK
from testbed.scenario.in_code import scenario_in_code
from testbed.scenario.problems import did_you_mean
from testbed.scenario.reach import Reach
from testbed.scenario.scenario import Scenario
from testbed.subjects.installed import find
from testbed.subjects.parts import PARTS
from testbed.subjects.subject import subjects

_SERVERS = ("relay", "receiver")


def main(options: argparse.Namespace) -> int:
    """Learn a host as each player plays it; 1 when it behaves otherwise than its baseline.

    Raises UsageError, ScenarioError, LabError.
    """
    needs_extra("learn", "to learn a server")
    alphabet = ALPHABETS[options.protocol]
    bounds = Bounds(_inputs(alphabet, options.inputs), options.beyond, options.most, options.patience)
    outputs = {form: value for form in ("mermaid", "svg", "json") if (value := getattr(options, form)) is not None}
    out = console(sys.stderr if STDOUT in outputs.values() else sys.stdout)
    players = _players(options)
    before = _baseline(options, alphabet, bounds, players)
    scenarios = {player: _scenario(options, alphabet, player) for player in players}
    learnt = tuple(_learn(options, scenarios[player], alphabet, bounds, player, out) for player in players)
    for portrait in learnt:
        machine_table(out, portrait)
    compared = pairs(learnt)
    for pair in compared:
        pair_table(out, pair)
    changes = None if before is None else differences(before, learnt[0].machine)
    made = {
        "mermaid": lambda: mermaid(learnt),
        "svg": lambda: svg(learnt, compared),
        "json": lambda: learnt_json(learnt, compared, changes),
    }
    for form, file in outputs.items():
        written(file, made[form]())
    return HELD if options.baseline is None else _judged(options, out, learnt[0], changes)


def _players(options: argparse.Namespace) -> tuple[str, ...]:
    """Who plays the host, one after the other: what its part's option says.  Raises UsageError."""
    given = {part: named for part in _SERVERS if (named := getattr(options, part))}
    several = [named for named in given.values() if len(named) > 1]
    if len(given) > 1:
        raise UsageError("--relay and --receiver exclude each other: it is one host that is learnt")
    if several and options.baseline is not None:
        raise UsageError("--baseline is for one server; name one player")
    return next(iter(given.values()), (OURS,))


def _inputs(alphabet: Alphabet, named: str | None) -> tuple[str, ...]:
    """The inputs that are asked.  Raises UsageError."""
    if named is None:
        return tuple(alphabet.inputs)
    able = (*alphabet.inputs, *alphabet.more)
    found = tuple(dict.fromkeys(name.strip() for name in named.split(",")))
    for name in found:
        if name not in able:
            near = did_you_mean(name, able) or f"; there are {', '.join(able)}"
            raise UsageError(f"--inputs: {alphabet.name} has no '{printable(name[:40])}'{near}")
    return found


def _baseline(
    options: argparse.Namespace, alphabet: Alphabet, bounds: Bounds, players: Sequence[str]
) -> Machine | None:
    """The machine that is compared with; None where there is none (yet).  Raises UsageError."""
    if options.baseline is None:
        if options.update:
            raise UsageError("--update goes with --baseline")
        return None
    path = Path(options.baseline)
    if not path.exists():
        if options.update:
            return None
        raise UsageError(f"{shown(path)} is not there; --update records it")
    protocol, machine = read_machine(path)
    if options.update:
        return machine if (protocol, machine.inputs) == (alphabet.name, bounds.inputs) else None
    if protocol != alphabet.name:
        raise UsageError(f"{shown(path)} is of {printable(protocol)}; say --protocol {printable(protocol)}")
    if machine.inputs != bounds.inputs:
        asked = ",".join(map(printable, machine.inputs))
        raise UsageError(f"{shown(path)} was learnt with other inputs; say --inputs '{asked}', or --update")
    return machine


def _scenario(options: argparse.Namespace, alphabet: Alphabet, player: str) -> Scenario:
    """The lab in which a player plays the host.  Raises UsageError, ScenarioError."""
    part = next((part for part in _SERVERS if getattr(options, part)), None)
    own = _textbook(options.host, {**_spoken(alphabet), **_secured(options, alphabet)})
    scenario = own if options.path is None else one_scenario(options)
    role = mail_host(scenario, options.host).role
    if part is not None and role != PARTS[part]:
        raise UsageError(f"{options.host} is a {role}, so say --{role}")
    if player == OURS:
        return scenario
    if options.path is None:
        return _textbook(options.host, {"program": player, **_secured(options, alphabet)})
    cast = cast_all([Path(options.path)], {str(part): player}, Reach(anywhere=options.allow_outside))
    [found] = [one for one in cast if one.scenario.case == scenario.case]
    if found.why_not:
        raise UsageError(f"{player} cannot play {options.host}: {found.why_not}")
    return found.scenario


def _textbook(host: str, says: Mapping[str, object]) -> Scenario:
    """The textbook's lab, with this said of a host."""
    return scenario_in_code({"hosts": {host: says}} if host in TEXTBOOK else {})


def _spoken(alphabet: Alphabet) -> dict[str, object]:
    """What makes one of the lab's own servers speak what is asked."""
    if alphabet.name in ("pop3", "imap"):
        return {"serves": [alphabet.name]}
    return {"lmtp": alphabet.port} if alphabet.name == "lmtp" else {}


def _secured(options: argparse.Namespace, alphabet: Alphabet) -> dict[str, object]:
    """What gives a server a certificate, where TLS is asked for."""
    return {"starttls": True} if alphabet.secured_by & set(_inputs(alphabet, options.inputs)) else {}


def _learn(
    options: argparse.Namespace, scenario: Scenario, alphabet: Alphabet, bounds: Bounds, player: str, out: Console
) -> Portrait:
    title = _title(player)

    def progress(states: int, dialogues: int) -> None:
        status.update(Text(f"{title}: {count(states, 'state')}, {count(dialogues, 'dialogue')}", "quiet"))

    with out.status(Text(f"{title}: the lab comes up", "quiet")) as status:
        trace = trace_file(scenario, options.keep)
        learnt, seconds = learn_server(scenario, options.host, alphabet, bounds, trace, progress)
    return Portrait(options.host, alphabet.name, player, title, learnt, seconds)


def _title(player: str) -> str:
    if player == OURS:
        return "the lab's own"
    found = find(subjects()[player])
    return f"{subjects()[player].title} {found.version if found is not None else ''}".rstrip()


def _judged(options: argparse.Namespace, out: Console, now: Portrait, changes: Sequence[Difference] | None) -> int:
    """Say what changed since the baseline, and record it anew where that is wanted.  Raises LabError for a sketch."""
    file = shown(options.baseline)
    if not now.learnt.complete:
        raise LabError(f"what is not proven is not compared with {file}", "raise --most, or leave inputs out")
    if changes is not None:
        differences_table(out, f"the baseline {file}", now.title, tuple(changes))
    if options.update and changes != ():
        written(options.baseline, machine_text(now.protocol, now.machine))
        out.print(Text(f"{file} is recorded.", "info"))
        return HELD
    return FAILED if changes else HELD
