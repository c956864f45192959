"""Of the reference traces, one for each scenario file: the cases of a matrix differ in a value."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import PROJECT


def _first_cases() -> list[Path]:
    stems = {path.stem for path in (PROJECT / "scenarios").rglob("*.yaml")}
    first: dict[str, Path] = {}
    for trace in sorted((PROJECT / "captures").glob("*.pcapng")):
        of = [stem for stem in stems if trace.stem == stem or trace.stem.startswith(f"{stem}-")]
        first.setdefault(max(of, key=len, default=""), trace)
    return list(first.values())


TRACES = _first_cases()
