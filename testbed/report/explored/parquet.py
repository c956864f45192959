"""The runs of explorations as Parquet: a row a run, for DuckDB, pandas and the like."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from testbed.errors import not_written
from testbed.explore.exploration import Found
from testbed.protocols.text import shown
from testbed.report.json_analysis import utf8
from testbed.report.parquet import pyarrow
from testbed.whole_file import whole_file


def write_runs(file: Path, found: Iterable[Found]) -> None:
    """Write all runs of some explorations.

    Columns: file, case, player, ``faults`` (a list, as scenarios write them in JSON), came, told, seconds, error, and
    of what was broken ``what`` and ``why``, lists of the same length.  Raises UsageError without pyarrow or where the
    file cannot be written, MachineError where the machine does not let it.
    """
    pa = pyarrow()
    texts, text = pa.list_(pa.string()), pa.string()
    schema = pa.schema(
        [
            *((name, text) for name in ("file", "case", "player")),
            ("faults", texts),
            *((name, text) for name in ("came", "told")),
            ("what", texts),
            ("why", texts),
            ("seconds", pa.float64()),
            ("error", text),
        ]
    )
    rows = [row for one in found for row in _rows(one)]
    try:
        with whole_file(file) as out:
            pa.parquet.write_table(pa.Table.from_pylist(rows, schema=schema), out, compression="zstd")
    except OSError as error:
        raise not_written(f"{shown(file)}: the runs cannot be written", error) from error


def _rows(found: Found) -> Iterator[dict[str, object]]:
    for key, ran in found.runs.items():
        yield {
            "file": utf8(found.scenario.file),
            "case": utf8(found.scenario.case),
            "player": found.player,
            "faults": [json.dumps(json.loads(fault), ensure_ascii=False) for fault in key.split("\n") if fault],
            "came": str(ran.came),
            "told": utf8(ran.told),
            "what": [utf8(breach.what) for breach in ran.breaches],
            "why": [utf8(breach.why) for breach in ran.breaches],
            "seconds": ran.seconds,
            "error": utf8(ran.error) or None,
        }
