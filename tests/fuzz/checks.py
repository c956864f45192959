"""What must be true whatever the input: of dialogues, of captures, and of everything that is printed."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO, StringIO

import numpy as np
from msgspec.structs import replace
from rich.console import Console

from testbed.pcap.capture import Capture
from testbed.pcap.read import parse_capture
from testbed.report.annotate import annotate
from testbed.report.console import THEME
from testbed.report.csv_connections import COLUMNS, connections_csv
from testbed.report.json_analysis import analyses_json, ndjson
from testbed.report.json_diff import diff_json
from testbed.report.overview import overview
from testbed.report.packets import packet_list
from testbed.report.side_by_side import side_by_side
from testbed.report.trace import trace_report
from testbed.trace.analysis import Analysis
from testbed.trace.compare.comparison import compare_analyses
from testbed.trace.inspect import analyse
from testbed.trace.model.exchange import Command, Exchange, Reply, Transaction
from testbed.trace.services.messages import Message
from testbed.trace.services.service import Dialogue, MakeDialogue
from testbed.trace.services.table import SERVICES
from testbed.trace.totals import Totals
from tests.fuzz.dialogues import Item, totals

_GROWTH, _PER_ITEM = 40, 2_000  # characters of a result for each octet, and for each item, that was fed
_OWN_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_EXACT = 40  # connections up to which everything is asked for


def services() -> dict[tuple[str, str], MakeDialogue]:
    """Every dialogue the inspector knows, by transport and service."""
    found: dict[tuple[str, str], MakeDialogue] = {}
    for service in SERVICES:
        for transport, make in (("tcp", service.stream), ("udp", service.datagrams)):
            if make is not None:
                found |= {(transport, name): make for name in service.names}
    return found


def check_dialogue(make: MakeDialogue, said: Iterable[Item], *, show_credentials: bool = False) -> list[Exchange]:
    """Feed a dialogue and look at what it gives."""
    listed = list(said)
    kept: list[Message] = []
    listener = make(show_credentials=show_credentials, on_message=kept.append)
    for item in listed:
        listener.feed(item)
    exchanges, transactions = listener.finish()
    frames, times = {item.frame for item in listed}, {item.time_ns for item in listed} | {0}
    count, octets = totals(listed)
    _check_exchanges(exchanges, transactions, frames, times)
    texts = list(_texts(exchanges, transactions))
    texts += _remarks(listener, frames)
    for text in texts:
        assert text.isprintable(), f"a control character is among {text[:80]!r}"
    size = sum(map(len, texts))
    assert size <= _GROWTH * octets + _PER_ITEM * (count + 1), f"{octets} octets gave {size} characters"
    assert len(exchanges) <= octets + count + 2, f"{octets} octets gave {len(exchanges)} exchanges"
    assert sum(len(message.octets) for message in kept) <= octets, "messages are longer than what was said"
    assert all(set(message.frames) <= frames for message in kept), "a message has frames that never were"
    return list(exchanges)


def _check_exchanges(
    exchanges: tuple[Exchange, ...], transactions: tuple[Transaction, ...], frames: set[int], times: set[int]
) -> None:
    commands = [id(exchange.command) for exchange in exchanges if exchange.command is not None]
    assert len(commands) == len(set(commands)), "a command is in two exchanges"
    for exchange in exchanges:
        assert exchange.command is not None or exchange.reply is not None, "an exchange of nothing"
        for part in (exchange.command, *exchange.replies):
            if part is not None:
                _check_part(part, frames, times)
    for transaction in transactions:
        assert set(transaction.frames) <= frames, "a transaction has frames that never were"


def _check_part(part: Command | Reply, frames: set[int], times: set[int]) -> None:
    assert set(part.frames) <= frames, f"{part} has frames that never were"
    assert list(part.frames) == sorted(part.frames), f"the frames of {part} do not ascend"
    assert part.time_ns in times, f"{part} was said at no packet's time"
    assert part.octets >= 0, f"{part} has less than no octets"


def _texts(exchanges: tuple[Exchange, ...], transactions: tuple[Transaction, ...]) -> Iterator[str]:
    for exchange in exchanges:
        yield exchange.note
        if exchange.command is not None:
            yield from (exchange.command.verb, exchange.command.argument)
        for reply in exchange.replies:
            yield from (reply.code, reply.enhanced, *reply.lines)
    for transaction in transactions:
        yield from (transaction.sender, transaction.subject, transaction.message_id)
        yield from (recipient.address for recipient in transaction.recipients)


def _remarks(listener: Dialogue, frames: set[int]) -> list[str]:
    found = listener.remarks()
    assert all(set(remark.frames) <= frames for remark in found), "a remark has frames that never were"
    return [remark.detail for remark in found]


# -- captures -------------------------------------------------------------------------------------------


def check_capture(capture: Capture) -> None:
    """The columns of a capture agree with its octets and with each other."""
    assert list(capture.frame) == sorted(set(capture.frame.tolist())), "frame numbers do not ascend"
    assert capture.frames >= max(capture.frame.tolist(), default=0), "a frame is beyond the last"
    ends = capture.offset.astype(np.int64) + capture.length
    assert bool((capture.offset >= 0).all() and (ends <= len(capture.data)).all()), "a packet is outside the file"
    assert bool((capture.interface < max(1, len(capture.interfaces))).all()), "a packet has no interface"
    for text in (*capture.problems, *capture.names.values(), *(c for cs in capture.comments.values() for c in cs)):
        assert text.isprintable(), f"a control character is among {text[:80]!r}"


def check_analysis(octets: bytes, path: str = "capture") -> Analysis:
    """Read, analyse, and ask for everything there is.  Raises CaptureError when the octets are no capture."""
    capture = parse_capture(np.frombuffer(octets, np.uint8), path)
    check_capture(capture)
    analysis = analyse(replace(capture, secrets=()), path)  # a fuzzer has no time for tshark
    frames = set(capture.frame.tolist())
    for connection in analysis.connections[:_EXACT]:
        _check_exchanges(connection.exchanges, (), frames, set(capture.time_ns.tolist()) | {0})
        texts = [*_texts(connection.exchanges, connection.transactions), connection.outcome]
        assert all(text.isprintable() for text in texts), "a control character is in a dialogue"
        assert all(set(finding.frames) <= frames for finding in connection.findings), "a finding has no frames"
    if len(analysis.connections) <= _EXACT:
        assert sum(1 for _ in analysis.packets()) == len(capture.frame)
    analysis.summary()
    return analysis


# -- outputs --------------------------------------------------------------------------------------------


def printed(show: Callable[[Console, Analysis], object], analysis: Analysis) -> str:
    """What a report writes onto a terminal with colours."""
    out = StringIO()
    console = Console(
        file=out, theme=THEME, width=100, force_terminal=True, color_system="standard", markup=False, highlight=False,
        emoji=False, soft_wrap=False,
    )  # fmt: skip
    show(console, analysis)
    return out.getvalue()


def check_terminal(text: str) -> None:
    """Nothing on a terminal but lines, text and colours of ours."""
    for line in _OWN_COLOURS.sub("", text).split("\n"):
        assert line.isprintable(), f"a control character is printed: {line[:200]!r}"


def check_json(text: str) -> object:
    """One line or document of JSON; it may be printed onto a terminal too."""
    for line in text.split("\n"):
        assert line.isprintable(), f"a control character is printed: {line[:200]!r}"
    text.encode("utf-8")
    return json.loads(text)


def check_csv(text: str) -> None:
    """As many cells in each row as in the header, and no formula among them."""
    rows = list(csv.reader(StringIO(text, newline="")))
    assert rows[0] == list(COLUMNS)
    for row in rows:
        assert len(row) == len(COLUMNS), f"a row of {len(row)} cells"
        for cell in row:
            assert cell.isprintable(), f"a control character is in {cell!r}"
            assert not cell.startswith(_FORMULA) or re.fullmatch(r"-\d+", cell), f"a formula: {cell!r}"


def _overview(console: Console, analysis: Analysis) -> None:
    totals = Totals()
    totals.add(analysis)
    overview(console, analysis.path, totals)


def check_outputs(analysis: Analysis) -> bytes:
    """Every form of output; gives the annotated capture."""
    for show in (trace_report, packet_list, _overview):
        check_terminal(printed(show, analysis))
    check_json("".join(analyses_json(iter([analysis]), packets=True)))
    for line in ndjson(analysis, packets=True):
        assert "\n" not in line
        check_json(line)
    table = StringIO(newline="")
    connections_csv([analysis], table)
    check_csv(table.getvalue())
    annotated = BytesIO()
    annotate(analysis, annotated)
    again = parse_capture(np.frombuffer(annotated.getvalue(), np.uint8))
    assert not again.problems, f"the annotated capture is damaged: {again.problems}"
    assert len(again.frame) == len(analysis.capture.frame)
    return annotated.getvalue()


def check_comparison(one: Analysis, other: Analysis) -> None:
    """A trace tells the story of itself, and how it differs from another one can be shown."""
    assert compare_analyses(one, one).differences == (), "a trace differs from itself"
    _check_pair(one, other)
    _check_pair(other, one)


def _check_pair(before: Analysis, now: Analysis) -> None:
    compared = compare_analyses(before, now)
    check_json(diff_json(before, now, compared))
    check_terminal(printed(lambda console, _: side_by_side(console, before, now, compared, whole=True), now))
