"""What changed between two captures, for programs."""

from __future__ import annotations

import json

from msgspec import to_builtins

from testbed import __version__
from testbed.report.json_analysis import harmless
from testbed.trace.analysis import Analysis
from testbed.trace.compare.comparison import Comparison

SCHEMA_VERSION = 1


def diff_json(before: Analysis, now: Analysis, compared: Comparison) -> str:
    """``{"schema": 1, "testbed", "before": {…}, "now": {…}, "same", "hosts": […], "differences": […]}``.

    A difference has below ``follows`` those that follow from it.
    """
    document = {
        "schema": SCHEMA_VERSION,
        "testbed": __version__,
        "before": _capture(before),
        "now": _capture(now),
        "same": compared.same,
        "hosts": [{"now": new, "before": old} for new, old in compared.hosts],
        "differences": [to_builtins(difference) for difference in compared.differences],
    }
    return harmless(json.dumps(document, indent=2, ensure_ascii=False))


def _capture(analysis: Analysis) -> dict[str, object]:
    return {
        "file": analysis.path,
        "frames": analysis.frames,
        "connections": len(analysis.connections),
        "problems": list(analysis.problems),
    }
