"""Captures as Parquet, for DuckDB, pandas and the like: a file each of connections, exchanges, packets and findings.

The columns are the fields of the JSON under their names, and some that are cut up for sorting and joining.  Times are
timestamps and lose their ``_ns``; texts are dictionary-encoded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, Never

import numpy as np
from numpy.typing import NDArray

from testbed import __version__
from testbed.errors import not_written
from testbed.extras import needs_extra
from testbed.protocols.tcp import flag_names
from testbed.protocols.text import shown
from testbed.report.dialogue_fields import EXCHANGE
from testbed.report.fields import COUNT, EPOCH, OCTETS, ORDINAL, TEXT, AnyFields, Field, Fields, array, written
from testbed.report.json_analysis import utf8
from testbed.report.json_fields import CONNECTION, FILE, FINDING, SCHEMA_VERSION
from testbed.report.json_schema import OBJECTS
from testbed.report.packet_columns import (
    PacketColumns,
    end,
    end_text,
    packet_columns,
    packet_comment,
    packet_step,
    words,
)
from testbed.report.packet_fields import PACKET
from testbed.trace.analysis import PHASES, Analysis
from testbed.trace.model.connection import Connection
from testbed.trace.tcp.events import event_names

Arrow = Any  # a value of pyarrow, which brings no types

_ROWS = 1 << 16  # of a row group
_OBJECTS = 1 << 12  # Python's objects are turned into Arrow's columns before they are more than this
_WEIGHT = 1 << 25  # characters of a row group, where rows are long


def _end(name: str) -> Iterator[Field[object]]:
    yield Field(f"{name}_address", TEXT, f"The address in {name}.", get=f"{name}.address")
    yield Field(f"{name}_port", COUNT, f"The port in {name}, null for none.", get=f"{name}.port")


_CONNECTIONS: Fields[Connection] = (
    *(field for field in CONNECTION if field.name not in ("dialogue", "findings", "tls")),
    *_end("client"),
    *_end("server"),
    Field(
        "findings",
        array(TEXT),
        "Codes of its findings; the rest of them is in findings.parquet.",
        get=lambda c: list(dict.fromkeys(finding.code for finding in c.findings)),
    ),
)
_PLACE: Fields[tuple[int, int]] = (
    Field("connection", ORDINAL, "Number of its connection.", get=lambda place: place[0]),
    Field("number", ORDINAL, "From 1, its place in the dialogue.", get=lambda place: place[1]),
)
# Packets are made from columns, see _packets().
_PACKETS: tuple[Field[Never], ...] = (
    *PACKET,
    *_end("source"),
    *_end("destination"),
    Field("payload", COUNT, "Length of the payload on the wire.", OCTETS, "Wireshark tcp.len"),
    Field("flags", TEXT, "SYN, SYN-ACK, FIN-ACK, RST, ACK and the like; null for no TCP.", source="RFC 9293 §3.1"),
)
TABLES: dict[str, tuple[Field[Never], ...]] = {
    "connections": (FILE, *_CONNECTIONS),
    "exchanges": (FILE, *_PLACE, *EXCHANGE),
    "packets": (FILE, *_PACKETS),
    "findings": (FILE, *FINDING),
}
"""The files and their columns."""


def column_name(field: Field[Never]) -> str:
    """The name of a field's column: times are timestamps and say so, ``start_ns`` is ``start_time``."""
    if field.unit != EPOCH:
        return field.name
    name = field.name.removesuffix("_ns")
    return name if name.endswith("time") else f"{name}_time"


_FIELDS = [*TABLES.values(), *(fields for _, fields in OBJECTS.values())]
_RENAMED = {field.name: column_name(field) for fields in _FIELDS for field in fields}


def write_parquet(analyses: Iterable[Analysis], directory: Path) -> tuple[Path, ...]:
    """Write a file for each of :data:`TABLES` and return their paths; files of these names are replaced.

    A row group of each is in memory at a time, not more.  The files appear when all are whole.  Raises UsageError when
    pyarrow is not installed and when the directory cannot be written, or MachineError.
    """

    def fill(sheets: Sheets) -> None:
        for analysis in analyses:
            add_rows(analysis, sheets)

    return write_tables(directory, fill)


def write_tables(directory: Path, fill: Callable[[Sheets], None]) -> tuple[Path, ...]:
    """As :func:`write_parquet`, with the rows that are put into the sheets."""
    pa = pyarrow()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".testbed-", dir=directory) as room:
            with ExitStack() as ending:
                sheets = {}
                for name, fields in TABLES.items():
                    file = ending.enter_context(Path(room, name).open("wb"))  # Arrow opens no name that is not UTF-8
                    schema = arrow_schema(pa, fields)
                    sheets[name] = Sheet(pa, schema, pa.parquet.ParquetWriter(file, schema, compression="zstd"))
                    ending.callback(sheets[name].close)
                fill(sheets)
            targets = tuple(directory / f"{name}.parquet" for name in TABLES)
            for name, target in zip(TABLES, targets, strict=True):
                os.replace(Path(room, name), target)
            return targets
    except OSError as error:
        raise not_written(f"{shown(directory)}: Parquet cannot be written there", error) from error


def pyarrow() -> ModuleType:
    """The package.  Raises UsageError where it is not installed."""
    needs_extra("parquet", "to write Parquet")
    import_module("pyarrow.parquet")
    return import_module("pyarrow")


def arrow_schema(pa: ModuleType, fields: AnyFields) -> Arrow:
    """The columns as an Arrow schema, with the versions under the names they have in the JSON.  ``pa`` is pyarrow."""
    columns = [
        pa.field(column_name(field), _type(pa, field, nested=False), metadata={"description": field.description})
        for field in fields
    ]
    return pa.schema(columns, metadata={"schema": str(SCHEMA_VERSION), "testbed": __version__})


def _type(pa: ModuleType, field: Field[Never], *, nested: bool) -> Arrow:
    if field.unit == EPOCH:
        return pa.timestamp("ns", tz="UTC")
    if field.kind.get("type") == "array":
        return pa.list_(_plain(pa, field.kind["items"]))
    plain = _plain(pa, field.kind)
    return pa.dictionary(pa.int32(), plain) if plain == pa.string() and not nested else plain


def _plain(pa: ModuleType, kind: object) -> Arrow:
    """The Arrow type of what a JSON Schema says."""
    assert isinstance(kind, dict)
    if "$ref" in kind:
        _, fields = OBJECTS[kind["$ref"].removeprefix("#/$defs/")]
        return pa.struct([(column_name(field), _type(pa, field, nested=True)) for field in fields])
    types = {"string": pa.string(), "integer": pa.int64(), "boolean": pa.bool_()}
    name = kind.get("type", "string")
    return types[name if isinstance(name, str) else name[0]]


class Sheet:
    """One table, written a row group at a time by a writer of Arrow's."""

    def __init__(self, pa: ModuleType, schema: Arrow, writer: Arrow) -> None:
        self.pa = pa
        self.schema = schema
        self._writer = writer
        self._rows: list[dict[str, object]] = []
        self._batches: list[Arrow] = []
        self._count = self._weight = 0

    def add(self, row: dict[str, object]) -> None:
        """One row.  What the file has no column for is left out."""
        self._rows.append(row)
        self._weight += len(repr(row))
        if len(self._rows) >= _OBJECTS or self._weight >= _WEIGHT:
            self._pack()

    def add_columns(self, columns: dict[str, Arrow]) -> None:
        """Many rows."""
        arrays = [columns[name] for name in self.schema.names]
        self.add_batch(self.pa.RecordBatch.from_arrays(arrays, schema=self.schema))

    def add_batch(self, batch: Arrow) -> None:
        """Many rows, as Arrow has them."""
        self._batches.append(batch)
        self._count += len(batch)
        if self._count >= _ROWS or self._weight >= _WEIGHT:
            self._write()

    def close(self) -> None:
        """Write what is left, and the end of the table."""
        self._pack()
        self._write()
        self._writer.close()

    def _pack(self) -> None:
        if self._rows:
            rows, self._rows = self._rows, []
            self.add_batch(self.pa.RecordBatch.from_pylist([_clean(row) for row in rows], schema=self.schema))

    def _write(self) -> None:
        if self._batches:
            table = self.pa.Table.from_batches(self._batches, self.schema)
            self._writer.write_table(table.unify_dictionaries())
        self._batches, self._count, self._weight = [], 0, 0


Sheets = Mapping[str, Sheet]
"""The sheet of each of :data:`TABLES`."""


def _clean(value: object) -> object:
    """The value with columns' names for its fields, and text that UTF-8 can hold."""
    if isinstance(value, str):
        return utf8(value)
    if isinstance(value, dict):
        return {_RENAMED.get(name, name): _clean(item) for name, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list | tuple) else value


def add_rows(analysis: Analysis, sheets: Sheets) -> None:
    """The rows of a capture."""
    file = {"file": analysis.path}
    for connection in analysis.connections:
        sheets["connections"].add(file | written(_CONNECTIONS, connection))
        for number, exchange in enumerate(connection.exchanges, 1):
            place = written(_PLACE, (connection.number, number))
            sheets["exchanges"].add(file | place | written(EXCHANGE, exchange))
    packets = sheets["packets"]
    for part in packet_columns(analysis, _ROWS):
        packets.add_columns(_packets(packets.pa, analysis, part))
    for finding in analysis.all_findings():
        sheets["findings"].add(file | written(FINDING, finding))


def _packets(pa: ModuleType, analysis: Analysis, part: PacketColumns) -> dict[str, Arrow]:
    """The columns of some packets.  No Python object is made for a packet, except for its comment."""
    zeros = np.zeros(len(part.frame), np.int64)

    def ends(name: str, numbers: NDArray[np.int64]) -> dict[str, Arrow]:
        ports = numbers & 0xFFFF
        return {
            name: _coded(pa, numbers, partial(end_text, analysis)),
            f"{name}_address": _coded(pa, numbers | 0xFFFF, lambda number: (end(analysis, number) or (None,))[0]),
            f"{name}_port": pa.array(ports, mask=(numbers < 0) | (ports == 0)),
        }

    events, places = words(part.events, lambda mask: list(event_names(mask)))
    comments = [utf8(packet_comment(analysis, frame) or "") or None for frame in part.frame.tolist()]
    return {
        "file": _coded(pa, zeros, lambda _: analysis.path),
        "frame": pa.array(part.frame.astype(np.int64)),
        "time": pa.array(part.time_ns, pa.timestamp("ns", tz="UTC")),
        **ends("source", part.source),
        **ends("destination", part.destination),
        "length": pa.array(part.length.astype(np.int64)),
        "payload": pa.array(part.payload),
        "flags": _coded(pa, part.flags, lambda flags: flag_names(flags) if flags >= 0 else None),
        "connection": pa.array(part.connection, mask=part.connection == 0),
        "phase": _coded(pa, part.phase, PHASES.__getitem__),
        "step": _coded(pa, part.step, partial(packet_step, analysis)),
        "tcp": pa.array(events, pa.list_(pa.string())).take(pa.array(places)),
        "lost": pa.array(part.lost),
        "comment": pa.array(comments, pa.dictionary(pa.int32(), pa.string())),
    }


def _coded(pa: ModuleType, numbers: NDArray[np.int64], word: Callable[[int], str | None]) -> Arrow:
    """The dictionary-encoded words that a column of numbers stands for."""
    distinct, places = words(numbers, word)
    absent = np.array([text is None for text in distinct], np.bool_)[places]
    dictionary = pa.array([utf8(text or "") for text in distinct], pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(places.astype(np.int32), mask=absent), dictionary)
