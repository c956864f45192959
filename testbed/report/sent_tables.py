"""Tables of captures on their way from whoever inspected them to whoever writes them, as streams of Arrow's."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from testbed.report.parquet import TABLES, Sheet, Sheets, add_rows, arrow_schema, pyarrow, write_tables
from testbed.trace.analysis import Analysis


def pack_tables(analyses: Iterable[Analysis], out: BinaryIO) -> None:
    """Write the rows of captures.  Raises UsageError where pyarrow is not installed, OSError."""
    pa = pyarrow()
    streams = {name: BytesIO() for name in TABLES}
    packed = pa.ipc.IpcWriteOptions(compression="zstd")
    with ExitStack() as ending:
        sheets = {}
        for name, fields in TABLES.items():
            schema = arrow_schema(pa, fields)
            sheets[name] = Sheet(pa, schema, pa.ipc.new_stream(streams[name], schema, options=packed))
            ending.callback(sheets[name].close)
        for analysis in analyses:
            add_rows(analysis, sheets)
    for stream in streams.values():
        out.write(stream.getbuffer())


def write_packed(files: Iterable[Path], directory: Path) -> tuple[Path, ...]:
    """Write the tables of several such files, as :func:`testbed.report.parquet.write_parquet` does of captures."""
    pa = pyarrow()

    def fill(sheets: Sheets) -> None:
        for path in files:
            with path.open("rb") as file:
                for name in TABLES:
                    with pa.ipc.open_stream(file) as stream:
                        for batch in stream:
                            sheets[name].add_batch(batch)

    return write_tables(directory, fill)
