"""What `testbed inspect` writes for programs: whole, streamed, and exactly as its schema says."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6

from testbed.pcap.read import parse_capture
from testbed.report.csv_connections import COLUMNS, connections_csv
from testbed.report.fields import Field
from testbed.report.json_analysis import analyses_json, ndjson
from testbed.report.json_fields import CONNECTION
from testbed.report.json_schema import LINES, OBJECTS, inspect_schema
from testbed.report.packet_columns import packet_columns
from testbed.report.packet_fields import packets_json
from testbed.trace.analysis import Analysis, PacketRow
from testbed.trace.inspect import analyse, inspect
from tests.conftest import PROJECT
from tests.traces import SOME

FULL = PROJECT / "captures" / "mailbox-full.pcapng"
a_capture = pytest.mark.parametrize("path", SOME, ids=lambda path: path.stem)

FRAMES = {
    "segment": bytes(IP(src="10.0.0.1", dst="10.0.0.2") / TCP(sport=40_000, dport=25, seq=5, flags="S")),
    "answer": bytes(IP(src="10.0.0.2", dst="10.0.0.1") / TCP(sport=25, dport=40_000, seq=9, ack=6, flags="SA")),
    "data": bytes(IP(src="10.0.0.1", dst="10.0.0.2") / TCP(sport=40_000, dport=25, seq=6, ack=10) / b"QUIT\r\n"),
    "v6": bytes(IPv6(src="2001:db8::1", dst="2001:db8::2") / TCP(sport=40_000, dport=25, seq=5, flags="S")),
    "query": bytes(IP(src="10.0.0.1", dst="10.0.0.3") / UDP(sport=5_353, dport=53) / DNS(qd=DNSQR(qname="a.example"))),
    "ping": bytes(IP(src="10.0.0.1", dst="10.0.0.2") / ICMP()),
    "no IP": b"\x00" * 30,
    "cut": bytes(IP(src="10.0.0.1", dst="10.0.0.2") / TCP())[:30],
}


def analysis_of(*names: str) -> Analysis:
    parts = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, 101)]
    for number, name in enumerate(names):
        parts.append(struct.pack("<IIII", 7, number * 1_000, len(FRAMES[name]), len(FRAMES[name])) + FRAMES[name])
    return analyse(parse_capture(np.frombuffer(b"".join(parts), np.uint8)), "strange.pcap")


def document_of(*analyses: Analysis, packets: bool = True) -> str:
    return "".join(analyses_json(analyses, packets=packets))


def row_json(packet: PacketRow) -> dict[str, object]:
    return {
        "frame": packet.frame,
        "time_ns": packet.time_ns,
        "source": packet.source or None,
        "destination": packet.destination or None,
        "length": packet.length,
        "connection": packet.connection,
        "phase": packet.phase,
        "step": packet.step or None,
        "tcp": packet.tcp,
        "lost": packet.lost,
        "comment": packet.comment or None,
    }


# The schema


def test_the_copy_in_the_docs_is_up_to_date() -> None:
    assert json.loads((PROJECT / "docs" / "inspect.schema.json").read_text()) == inspect_schema()


@pytest.mark.parametrize(
    ("where", "field"),
    [pytest.param(name, field, id=f"{name}.{field.name}") for name, (_, fields) in OBJECTS.items() for field in fields],
)
def test_every_field_says_what_it_means(where: str, field: Field[Any]) -> None:
    assert re.fullmatch(r"[A-Za-z].*\.", field.means)
    assert field.unit.startswith("ns") == field.name.endswith("_ns"), "times and durations say so in their name"
    assert not field.name.endswith("octets") or field.unit == "octets"
    assert re.match(r"(RFC \d+|Wireshark|Zeek|systemd|pcapng|$)", field.source)


def test_references_lead_somewhere() -> None:
    definitions = inspect_schema()["$defs"]
    assert isinstance(definitions, dict)
    assert set(re.findall(r'"#/\$defs/(\w+)"', json.dumps(inspect_schema()))) <= set(definitions)


def undocumented(value: object, kind: object) -> Iterator[str]:
    """Fields that are written and not documented, or the other way round, by comparing names with the tables."""
    assert isinstance(kind, dict)
    if "anyOf" in kind and value is not None:
        kind = next(one for one in kind["anyOf"] if one != {"type": "null"})
    if isinstance(value, list) and "items" in kind:
        for item in value:
            yield from undocumented(item, kind["items"])
    elif isinstance(value, dict):
        name = kind["$ref"].removeprefix("#/$defs/")
        _, fields = OBJECTS[name]
        yield from (f"{name}.{odd}" for odd in value.keys() ^ {field.name for field in fields})
        for field in fields:
            yield from undocumented(value.get(field.name), field.kind)


@a_capture
def test_what_is_written_is_documented_and_the_other_way_round(path: Path) -> None:
    document = json.loads(document_of(inspect(path)))
    assert list(undocumented(document, {"$ref": "#/$defs/document"})) == []
    assert list(document) == [field.name for field in OBJECTS["document"][1]]
    for line in map(json.loads, ndjson(inspect(path), packets=True)):
        _, fields = LINES[line["type"]]
        assert list(line) == ["type", "file", *(field.name for field in fields)]


@a_capture
def test_the_schema_takes_real_output(path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="the package jsonschema is not installed")
    schema, analysis = inspect_schema(), inspect(path)
    jsonschema.Draft202012Validator(schema).validate(json.loads(document_of(analysis, packets=False)))
    line_schema = jsonschema.Draft202012Validator({**schema, "$ref": "#/$defs/line"})
    seen: Counter[str] = Counter()
    for line in map(json.loads, ndjson(analysis, packets=True)):
        seen[line["type"]] += 1
        if seen[line["type"]] <= 3:  # but for packets, the document above holds them all
            line_schema.validate(line)


def test_the_schema_is_one_and_takes_every_packet() -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="the package jsonschema is not installed")
    jsonschema.Draft202012Validator.check_schema(inspect_schema())
    jsonschema.validate(json.loads(document_of(inspect(FULL))), inspect_schema())


@pytest.mark.parametrize(
    ("name", "value"),
    [("number", 0), ("closure", "slammed"), ("rtt_ns", "12"), ("server", None), ("colour", "red")],
)
def test_the_schema_refuses_what_is_wrong(name: str, value: object) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="the package jsonschema is not installed")
    document = json.loads(document_of(inspect(FULL)))
    document["captures"][0]["connections"][0][name] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, inspect_schema())


# JSON, in pieces


@a_capture
def test_the_pieces_are_one_indented_document(path: Path) -> None:
    text = document_of(inspect(path), inspect(FULL))
    assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False)


def test_no_capture_is_a_document_too() -> None:
    assert json.loads(document_of())["captures"] == []


def test_packets_are_written_when_asked_for() -> None:
    [capture] = json.loads(document_of(analysis_of("segment"), packets=False))["captures"]
    assert "packets" not in capture
    assert {json.loads(line)["type"] for line in ndjson(analysis_of("ping"), packets=False)} == {"capture"}


def test_a_capture_is_written_before_the_next_is_read() -> None:
    order: list[str] = []

    def analyses() -> Iterator[Analysis]:
        for path in (FULL, SOME[0]):
            order.append("read")
            yield inspect(path)

    for piece in analyses_json(analyses(), packets=True):
        order.append(piece)
    first, second = (at for at, what in enumerate(order) if what == "read")
    assert "".join(order[first + 1 : second]).count('"frame":') > 100
    assert max(map(len, order)) < 20_000, "no piece is longer than a connection"


# Packets, from columns


@a_capture
def test_packets_are_those_of_the_analysis(path: Path) -> None:
    analysis = inspect(path)
    assert list(packets_json(analysis)) == [row_json(packet) for packet in analysis.packets()]


@given(st.lists(st.sampled_from(sorted(FRAMES)), max_size=12))
def test_packets_of_strange_captures_too(names: list[str]) -> None:
    analysis = analysis_of(*names)
    assert list(packets_json(analysis)) == [row_json(packet) for packet in analysis.packets()]


@pytest.mark.parametrize("rows", [1, 2, 7, 100])
def test_columns_do_not_depend_on_where_they_are_cut(rows: int) -> None:
    analysis = analysis_of(*FRAMES, *FRAMES)
    parts = list(packet_columns(analysis, rows))
    [whole] = packet_columns(analysis, 1_000)
    assert max(len(part.frame) for part in parts) <= rows
    for name in whole.__struct_fields__:
        assert np.array_equal(np.concatenate([getattr(part, name) for part in parts]), getattr(whole, name)), name


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ("segment", {"source": "10.0.0.1:40000", "destination": "10.0.0.2:25", "connection": 1, "phase": "handshake"}),
        ("v6", {"source": "[2001:db8::1]:40000", "destination": "[2001:db8::2]:25", "step": "handshake 1/3 SYN"}),
        ("ping", {"source": "10.0.0.1", "destination": "10.0.0.2", "connection": None, "step": None, "tcp": ()}),
        ("no IP", {"source": None, "destination": None, "length": 30, "connection": None, "phase": None}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_packet(frame: str, expected: dict[str, object]) -> None:
    [packet] = packets_json(analysis_of(frame))
    assert {name: packet[name] for name in expected} == expected


# Text that is no text


def test_a_file_name_that_is_no_utf8(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.pcapng")
    try:
        shutil.copy(FULL, path)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    sheet = io.StringIO()
    connections_csv([inspect(path)], sheet)
    texts = [document_of(inspect(path)), *ndjson(inspect(path), packets=True), sheet.getvalue()]
    for text in texts:
        assert "caf\ufffd.pcapng" in text.encode("utf-8").decode("utf-8")


# CSV


def test_the_columns_of_csv_are_fields_of_the_json() -> None:
    assert set(COLUMNS) <= {"file", *(field.name for field in CONNECTION)}


@a_capture
def test_csv_says_what_the_json_says(path: Path) -> None:
    analysis, sheet = inspect(path), io.StringIO(newline="")
    connections_csv([analysis], sheet)
    sheet.seek(0)
    [capture] = json.loads(document_of(analysis))["captures"]
    for row, connection in zip(csv.DictReader(sheet), capture["connections"], strict=True):
        codes = " ".join(dict.fromkeys(finding["code"] for finding in connection["findings"]))
        for name, cell in row.items():
            value = {"file": str(path), **connection, "findings": codes}[name]
            assert cell == ("" if value is None else str(value)), name
