"""The results of a run, for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence

from testbed import __version__
from testbed.expect import Verdict
from testbed.outcome import Outcome
from testbed.report.json_analysis import finding_json
from testbed.trace.semantics.difference import Difference

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
        "reference": str(result.reference) if result.reference else None,
        "changes": [difference_json(change) for change in result.changes],
        "accepted": result.accepted,
        "findings": [finding_json(f) for f in (result.analysis.findings if result.analysis else ())],
    }


def difference_json(difference: Difference) -> dict[str, object]:
    """``{"kind", "text", "before": [frames], "now": [frames]}``."""
    return {
        "kind": difference.kind,
        "text": difference.text,
        "before": list(difference.before),
        "now": list(difference.now),
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
