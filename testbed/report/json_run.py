"""The results of a run, for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence

from testbed import __version__
from testbed.expect import Verdict
from testbed.outcome import Outcome
from testbed.report.json_analysis import finding_json

SCHEMA_VERSION = 1


def run_json(outcomes: Sequence[Outcome]) -> str:
    """``{"schema": 1, "testbed": "0.1.0", "scenarios": [{"file", "title", "verdict", "expectations", …}]}``."""
    document = {
        "schema": SCHEMA_VERSION,
        "testbed": __version__,
        "scenarios": [_scenario(result) for result in outcomes],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _scenario(result: Outcome) -> dict[str, object]:
    judgement = result.judgement
    return {
        "file": result.scenario.file,
        "title": result.scenario.title,
        "verdict": str(result.result),
        "seconds": round(result.played.seconds, 3),
        "error": result.played.error or None,
        "skipped": result.played.skipped or None,
        "trace": str(result.played.trace) if result.played.trace else None,
        "expectations": [_verdict(v) for v in judgement.expectations] if judgement else [],
        "checks": [_verdict(v) for v in judgement.always] if judgement else [],
        "findings": [finding_json(f) for f in (result.analysis.findings if result.analysis else ())],
    }


def _verdict(verdict: Verdict) -> dict[str, object]:
    return {
        "what": verdict.what,
        "held": verdict.held,
        "why": verdict.why,
        "frames": list(verdict.frames),
        "file": verdict.file or None,
        "line": verdict.line or None,
    }
