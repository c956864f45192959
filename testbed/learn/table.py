"""Machines for people: a table of states and inputs, and the dialogues that tell two apart."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from testbed.learn.comparison import Difference
from testbed.learn.machine import NOT_SENT, Machine, Step
from testbed.learn.portrait import Pair, Portrait
from testbed.learn.words import bounds, dialogue, lines, size
from testbed.plural import count
from testbed.protocols.text import printable

_MOST_STATES = 40
_COLUMN = 13  # characters
_END = "end"


def machine_table(out: Console, portrait: Portrait) -> None:
    """Print what a server answers in each of its states, and where that leads."""
    machine = portrait.machine
    title = f"{portrait.host}, {portrait.protocol.upper()}, {portrait.title}"
    out.print(
        Text.assemble((printable(title), "bold"), f": {size(machine)}, learnt in {portrait.seconds:.1f} s").append(
            f"\n{bounds(portrait.learnt)}", "quiet" if portrait.learnt.complete else "warning"
        )
    )
    living = [state for state in machine.ways() if not machine.is_end(state)]
    shown = living[:_MOST_STATES]
    first = max(len(name) for name in machine.inputs) + 2
    at_once = max(1, (out.width - first) // _COLUMN)
    for place in range(0, len(shown), at_once):
        out.print(_states(machine, shown[place : place + at_once]))
    if len(living) > len(shown):
        out.print(Text(f"… and {count(len(living) - len(shown), 'state')} more, in --json and --svg", "quiet"))
    out.print()


def _states(machine: Machine, states: list[int]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("")
    ways = machine.ways()
    for state in states:
        table.add_column(Text.assemble(str(state), ("\n" + ("\n".join(ways[state]) or "start"), "quiet")))
    for number, name in enumerate(machine.inputs):
        table.add_row(Text(name, "bold"), *(_step(machine, state, machine.steps[state][number]) for state in states))
    return table


def _step(machine: Machine, state: int, step: Step) -> Text:
    if step.answer == NOT_SENT:
        return Text("–", "quiet")
    if step.to == state:
        return Text(step.answer, "quiet")
    to = _END if machine.is_end(step.to) else str(step.to)
    return Text.assemble(step.answer, (f" → {to}", "info"))


def pair_table(out: Console, pair: Pair) -> None:
    """Print where two servers differ."""
    one, other = printable(pair.one.title), printable(pair.other.title)
    differences_table(out, one, other, pair.differences)


def differences_table(out: Console, one: str, other: str, found: tuple[Difference, ...]) -> None:
    """Print the shortest dialogue that tells two servers apart, then one for each other input that does."""
    if not found:
        out.print(Text(f"{one} and {other} answer alike.", "held"))
        return
    out.print(Text(f"{one} and {other} differ. The shortest dialogue that tells them apart:", "failed"))
    table = _table("the client says", one, other)
    for said, here, there in lines(found[0]):
        style = "bold" if here != there else "quiet"
        table.add_row(Text(said, style), Text(here or "–", style), Text(there or "–", style))
    out.print(table)
    if len(found) > 1:
        more = f"{count(len(found) - 1, 'more input')} {'tells' if len(found) == 2 else 'tell'} them apart"
        out.print(Text(f"{more} at the end of a dialogue:", "quiet"))
        table = _table("the client says", one, other)
        for difference in found[1:]:
            table.add_row(dialogue(difference.dialogue), difference.one or "–", difference.other or "–")
        out.print(table)
    out.print()


def _table(*titles: str) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 2), header_style="quiet")
    for title in titles:
        table.add_column(title, overflow="fold")
    return table
