"""An exploration for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable

from testbed import __version__
from testbed.explore.exploration import Found, Tally
from testbed.explore.occasions import counted
from testbed.explore.reds import by_cause
from testbed.explore.tried import Tried
from testbed.report.json_analysis import harmless

_SCHEMA_VERSION = 1


def exploration_json(found: Iterable[Found]) -> str:
    """``{"schema": 1, "explorations": [{"file", "player", "points", "runs", "red", "not_tried", "phases" …}]}``.

    ``runs`` counts the runs there are results of; the runs themselves are in ``runs.ndjson``.
    """
    said = {"schema": _SCHEMA_VERSION, "testbed": __version__, "explorations": [_exploration(one) for one in found]}
    return harmless(json.dumps(said, indent=1, ensure_ascii=False)) + "\n"


def _exploration(found: Found) -> dict[str, object]:
    known = found.known_causes
    small = {one.cause.name: str(one.written.scenario) for one in found.smallest if one.written is not None}
    return {
        "file": found.scenario.file,
        "case": found.scenario.case,
        "title": found.scenario.title,
        "player": found.player,
        "explored": found.is_explored,
        "points": len({(one.point.kind, str(one.point)) for one in found.candidates}),
        "runs": found.played + found.known,
        "played": found.played,
        "seconds": round(found.seconds, 3),
        "same_as_before": len(found.since.same()) if found.since is not None else None,
        "occasions": counted(found.runs.values()),
        "not_tried": sum(tally.not_tried for tally in found.tallies),
        "red": [
            {
                "cause": cause.name,
                "runs": cause.runs,
                "faults": [dict(fault.fault) for fault in cause.first.faults],
                "what": cause.breach.what,
                "why": cause.breach.why,
                "frames": list(cause.breach.frames),
                "scenario": small.get(cause.name),
                "known": cause.name in known,
            }
            for cause in by_cause(found.red)
        ],
        "not_over": [{**_faults(tried), "error": tried.ran.error} for tried in found.not_over],
        "phases": [_phase(tally) for tally in found.tallies],
        "singles": [
            {
                "point": str(tried.faults[0].point),
                "deed": tried.faults[0].deed,
                **_faults(tried),
                "came": str(tried.ran.came),
                "told": tried.ran.told,
            }
            for tried in found.singles
        ],
    }


def _faults(tried: Tried) -> dict[str, object]:
    return {"faults": [dict(fault.fault) for fault in tried.faults]}


def _phase(tally: Tally) -> dict[str, object]:
    return {
        "name": tally.name,
        "came": {str(came): number for came, number in tally.came.items()},
        "left_out": {why: number for why, number in tally.superfluous.items() if number},
        "not_tried": tally.not_tried,
    }
