"""Captures as Parquet: the JSON again, typed, and whole or not there."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from testbed.errors import CaptureError, UsageError
from testbed.report import parquet
from testbed.report.fields import Fields, written
from testbed.report.json_fields import CONNECTION, FINDING
from testbed.report.parquet import TABLES, arrow_schema, column_name, write_parquet
from testbed.trace.analysis import Analysis
from testbed.trace.inspect import inspect
from tests.conftest import PROJECT
from tests.traces import TRACES

FULL = PROJECT / "captures" / "mailbox-full.pcapng"


@pytest.fixture
def pa() -> ModuleType:
    pytest.importorskip("pyarrow.parquet", reason="the package pyarrow is not installed")
    return sys.modules["pyarrow"]


def as_numbers(pa: ModuleType, kind: Any) -> Any:
    """The type with times as nanoseconds and words as strings."""
    if pa.types.is_timestamp(kind):
        return pa.int64()
    if pa.types.is_dictionary(kind):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(as_numbers(pa, kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, as_numbers(pa, field.type)) for field in kind])
    return kind


def rows(pa: ModuleType, path: Path) -> list[dict[str, Any]]:
    table = pa.parquet.read_table(path)
    schema = pa.schema([(field.name, as_numbers(pa, field.type)) for field in table.schema])
    return table.cast(schema).to_pylist()


def json_names(row: dict[str, Any], where: str) -> dict[str, Any]:
    """A row with the field names of the JSON."""
    return {field.name: row[column_name(field)] for field in TABLES[where]}


def as_json(fields: Fields[Any], thing: object) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(json.dumps(written(fields, thing)))
    return told


def test_four_files_hold_what_the_json_holds(pa: ModuleType, tmp_path: Path) -> None:
    analyses = [inspect(path) for path in TRACES]
    paths = write_parquet(analyses, tmp_path / "new" / "folder")
    assert [path.name for path in paths] == [f"{name}.parquet" for name in TABLES]
    assert sorted(os.listdir(tmp_path / "new" / "folder")) == sorted(path.name for path in paths)
    connections, exchanges, packets, findings = (
        [json_names(row, name) for row in rows(pa, path)] for name, path in zip(TABLES, paths, strict=True)
    )

    told = [(analysis.path, connection) for analysis in analyses for connection in analysis.connections]
    for row, (file, connection) in zip(connections, told, strict=True):
        expected = as_json(CONNECTION, connection) | {"file": str(file)}
        expected["findings"] = list(dict.fromkeys(finding.code for finding in connection.findings))
        same = [name for name in row if name in expected and name != "phases"]
        assert {name: row[name] for name in same} == {name: expected[name] for name in same}
        assert [phase["start_time"] for phase in row["phases"]] == [phase.start_ns for phase in connection.phases]
        assert (row["server_address"], row["server_port"]) == (connection.server.address, connection.server.port)

    said = [(file, c, number, e) for file, c in told for number, e in enumerate(as_json(CONNECTION, c)["dialogue"], 1)]
    for row, (file, connection, number, exchange) in zip(exchanges, said, strict=True):
        assert (row["file"], row["connection"], row["number"]) == (str(file), connection.number, number)
        assert {name: row[name] for name in exchange} == exchange
        if row["latency_ns"] is not None:
            assert row["reply_time_ns"] - row["command_time_ns"] == row["latency_ns"]

    seen = [packet for analysis in analyses for packet in analysis.packets()]
    for row, packet in zip(packets, seen, strict=True):
        for name in ("frame", "time_ns", "length", "payload", "connection", "lost"):
            assert row[name] == getattr(packet, name)
        for name in ("source", "destination", "step", "comment", "flags", "phase"):
            assert row[name] == (getattr(packet, name) or None)
        assert tuple(row["tcp"]) == packet.tcp
        ends = [(row[f"{end}_address"], row[f"{end}_port"]) for end in ("source", "destination")]
        addresses = [f"[{a}]" if ":" in a and port else a for a, port in ends]
        assert [f"{a}:{port}" if port else a for a, (_, port) in zip(addresses, ends, strict=True)] == [
            packet.source,
            packet.destination,
        ]

    found = [as_json(FINDING, finding) | {"file": str(a.path)} for a in analyses for finding in a.findings]
    assert findings == [{field.name: finding[field.name] for field in TABLES["findings"]} for finding in found]


@pytest.mark.parametrize("table", TABLES)
def test_types_and_descriptions(pa: ModuleType, table: str) -> None:
    schema = arrow_schema(pa, TABLES[table])
    assert schema.metadata[b"schema"] == b"1"
    for column in schema:
        assert column.metadata[b"description"].endswith(b".")
        if column.name == "time" or column.name.endswith("_time"):
            assert column.type == pa.timestamp("ns", tz="UTC")
        assert column.type != pa.string(), "texts are dictionary-encoded"
    expected = {"connections": "findings", "exchanges": "lines", "packets": "tcp"}.get(table)
    if expected:
        assert schema.field(expected).type == pa.list_(pa.string())


def test_many_small_captures_share_a_row_group(pa: ModuleType, tmp_path: Path) -> None:
    paths = write_parquet((inspect(path) for path in TRACES), tmp_path)
    assert [pa.parquet.ParquetFile(path).num_row_groups for path in paths] == [1, 1, 1, 1]
    assert pa.parquet.read_schema(paths[0]).metadata[b"schema"] == b"1"


@pytest.mark.parametrize("bound", ["_ROWS", "_WEIGHT", "_OBJECTS"])
def test_long_captures_are_written_group_by_group(
    pa: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    whole = [rows(pa, path) for path in write_parquet([inspect(FULL)], tmp_path / "whole")]
    monkeypatch.setattr(parquet, bound, 5)
    if bound == "_ROWS":
        monkeypatch.setattr(parquet, "_OBJECTS", 2)
    paths = write_parquet([inspect(FULL)], tmp_path / "parts")
    assert [rows(pa, path) for path in paths] == whole
    groups = [pa.parquet.ParquetFile(path).num_row_groups for path in paths]
    if bound == "_ROWS":
        assert groups[0] == 2, "11 connections, two by two up to 6"
        assert min(groups[:3]) > 1
    elif bound == "_WEIGHT":
        assert groups[:2] == [11, len(whole[1])], "a row heavier than the bound is a group"


def test_an_error_leaves_what_was_there(pa: ModuleType, tmp_path: Path) -> None:
    def analyses() -> Iterator[Analysis]:
        yield inspect(FULL)
        raise CaptureError("the next is none")

    for before in ({}, {"connections.parquet": b"as it was"}):
        for name, octets in before.items():
            (tmp_path / name).write_bytes(octets)
        with pytest.raises(CaptureError, match="the next is none"):
            write_parquet(analyses(), tmp_path)
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_files_that_are_there_are_replaced(pa: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "packets.parquet").write_bytes(b"as it was")
    (tmp_path / "other.parquet").write_bytes(b"as it was")
    write_parquet([inspect(FULL)], tmp_path)
    assert len(rows(pa, tmp_path / "packets.parquet")) == len(list(inspect(FULL).packets()))
    assert (tmp_path / "other.parquet").read_bytes() == b"as it was"


def test_no_capture_gives_empty_tables(pa: ModuleType, tmp_path: Path) -> None:
    assert [rows(pa, path) for path in write_parquet([], tmp_path)] == [[], [], [], []]


def test_a_file_where_the_directory_should_be(pa: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"file: Parquet cannot be written there: file exists"):
        write_parquet([inspect(FULL)], tmp_path / "file")


def test_a_file_name_that_is_no_utf8(pa: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.pcapng")
    try:
        shutil.copy(FULL, path)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    for file in write_parquet([inspect(path)], tmp_path / "out"):
        assert {row["file"].rpartition("/")[2] for row in rows(pa, file)} == {"caf\ufffd.pcapng"}


def test_without_pyarrow_the_remedy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    remedy = r"to write Parquet, install the package pyarrow: pip install 'mail-testbed\[parquet\]'"
    with pytest.raises(UsageError, match=remedy):
        write_parquet([inspect(FULL)], tmp_path / "out")
    assert not (tmp_path / "out").exists()
