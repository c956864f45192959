"""Every packet of a capture in one line, log entries between them."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from testbed.report.clock import LOCAL, Clock
from testbed.trace.analysis import Analysis, PacketRow
from testbed.trace.model.log import AnyEntry


def packet_list(console: Console, analysis: Analysis, clock: Clock = LOCAL) -> None:
    """Print the list; it is written as it is made, so that a long capture begins to show at once."""
    if analysis.frames:
        console.print(Text(clock.extent(analysis.start_ns, analysis.end_ns), "quiet"))
    for problem in analysis.problems:
        console.print(Text(f"▲ {problem}", "warning"))
    entries = iter(analysis.log)
    entry = next(entries, None)
    for packet in analysis.packets():
        while entry is not None and entry.frame < packet.frame:
            console.print(_entry(entry, clock), soft_wrap=True)
            entry = next(entries, None)
        console.print(_packet(packet, analysis, clock), soft_wrap=True)
    while entry is not None:
        console.print(_entry(entry, clock), soft_wrap=True)
        entry = next(entries, None)


def _packet(packet: PacketRow, analysis: Analysis, clock: Clock) -> Text:
    place = f"#{packet.connection}" if packet.connection else ""
    ends = f"{_named(packet.source, analysis)} → {_named(packet.destination, analysis)}" if packet.source else ""
    text = Text.assemble(
        (f"{packet.frame:>6} {clock.exact(packet.time_ns)}", "quiet"),
        (f"{place:>5} ", "quiet"),
        f"{ends:<44} ",
        (f"{packet.phase or '':<10}", str(packet.phase or "")),
        packet.step or f"{packet.length} octets",
    )
    if packet.payload:
        text.append(f" ({packet.payload})", "quiet")
    if packet.tcp:
        text.append("  " + ", ".join(packet.tcp), "warning")
    if packet.lost:
        text.append("  lost", "lost")
    if packet.comment:
        text.append(f"  {packet.comment}", "lost")
    return text


def _entry(entry: AnyEntry, clock: Clock) -> Text:
    return Text.assemble(
        (f"{entry.frame:>6} {clock.exact(entry.time_ns)}", "quiet"),
        (f"  log {entry.host}: ", "host"),
        entry.message,
    )


def _named(end: str, analysis: Analysis) -> str:
    address, separator, port = end.rpartition(":")
    if not separator or (":" in address and not address.startswith("[")):
        return analysis.names.get(end, end)
    name = analysis.names.get(address.strip("[]"))
    return f"{name}:{port}" if name else end
