"""The results of a run, for programs.  docs/ci.md says what the fields mean."""

from __future__ import annotations

import json

from msgspec import to_builtins

from testbed import __version__
from testbed.expect import Verdict
from testbed.outcome import Outcome, Result
from testbed.report.failures import as_written, failures
from testbed.report.fields import written
from testbed.report.json_analysis import harmless
from testbed.report.json_fields import FINDING
from testbed.report.run import Run, inspect_command, remedy, why_skipped

SCHEMA_VERSION = 1


def run_json(run: Run) -> str:
    """``{"schema": 1, "testbed": "0.1.0", "scenarios": [{"file", "title", "verdict", "expectations", …}]}``."""
    document = {
        "schema": SCHEMA_VERSION,
        "testbed": __version__,
        "started": run.started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "seconds": round(run.seconds, 3),
        "interrupted": run.interrupted,
        "shard": run.shard or None,
        "not_judged": len(run.not_judged),
        "refused": run.refused,
        "remedy": remedy(run.outcomes) or None,
        "totals": {str(kind): run.counts[kind] for kind in Result},
        "scenarios": [_scenario(outcome) for outcome in run.outcomes],
    }
    return harmless(json.dumps(document, indent=2, ensure_ascii=False))


def _scenario(result: Outcome) -> dict[str, object]:
    judgement, scenario = result.judgement, result.scenario
    return {
        "file": scenario.file,
        "case": scenario.case or None,
        "title": scenario.title,
        "rfc": scenario.rfc or None,
        "verdict": str(result.result),
        "judged": judgement is not None and not judgement.not_judged,
        "seconds": round(result.played.seconds, 3),
        "error": result.played.error or None,
        "skipped": why_skipped(result) if result.result is Result.SKIPPED else None,
        "trace": str(result.played.trace) if result.played.trace else None,
        "look": inspect_command(result) or None,
        "expectations": [_verdict(result, v) for v in judgement.expectations] if judgement else [],
        "checks": [_verdict(result, v) for v in judgement.always] if judgement else [],
        "reference": str(result.reference) if result.reference else None,
        "changes": [to_builtins(change) for change in result.changes],
        "accepted": result.accepted,
        "failures": [to_builtins(failure) for failure in failures(result)],
        "findings": [written(FINDING, found) for found in result.findings],
    }


def _verdict(result: Outcome, verdict: Verdict) -> dict[str, object]:
    return {
        "what": verdict.what,
        "held": verdict.held,
        "judged": verdict.judged,
        "why": verdict.why,
        "frames": list(verdict.frames),
        "file": verdict.file or None,
        "line": verdict.line or None,
        "remedy": verdict.remedy or None,
        "written": "\n".join(as_written(result.scenario, verdict)) or None,
    }
