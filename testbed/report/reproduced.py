"""How far a capture was reproduced, for people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from testbed.plural import count
from testbed.protocols.text import printable
from testbed.reproduce.reproduction import Reproduction

_MOST = 20


def reproduced_table(out: Console, found: Reproduction) -> None:
    """A sentence, and below it what differs."""
    told = found.attempt.told
    compared = (sum(told.findings.values()), "finding"), (len(told.fates), "recipient")
    what = ", ".join(count(*one) for one in compared)
    what += f"; {count(len(found.attempt.draft.expect), 'expectation')} held"
    if found.same:
        out.print(Text("same", style="held"), f"({found.attempt.way}): played, it shows the same: {what}")
        return
    out.print(Text("differs", style="failed"), f"({found.attempt.way}): played, it differs from the capture")
    table = Table("what", "capture", "played", box=None, pad_edge=False, header_style="bold")
    for one in found.differences[:_MOST]:
        table.add_row(*map(printable, (one.what, one.capture, one.played)))
    if found.differences:
        out.print(table)
    if len(found.differences) > _MOST:
        out.print(f"and {len(found.differences) - _MOST} more")
    for why in (*found.red[:_MOST], *found.attempt.draft.unstaged):
        out.print(Text("  " + printable(why)))
