"""The reference traces, by the scenario file they are of: the cases of a matrix differ in a value."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tests.conftest import PROJECT


@cache
def _by_scenario() -> dict[str, list[Path]]:
    stems = {path.stem for path in (PROJECT / "scenarios").rglob("*.yaml")}
    found: dict[str, list[Path]] = {}
    for trace in sorted((PROJECT / "captures").glob("*.pcapng")):
        of = [stem for stem in stems if trace.stem == stem or trace.stem.startswith(f"{stem}-")]
        found.setdefault(max(of, key=len, default=""), []).append(trace)
    return found


def traces_of(scenario: str) -> list[Path]:
    """The reference traces of the cases of one scenario file, named without its ending."""
    return _by_scenario().get(scenario, [])


TRACES = [traces[0] for traces in _by_scenario().values()]
"""One for each scenario file."""

SOME = TRACES[::3]
"""For what depends on how a trace is written out, and not on what went wrong in it."""
