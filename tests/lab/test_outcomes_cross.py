"""An outcome that was made in another process says what it said there."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import pytest

from testbed.errors import CaptureError
from testbed.outcome import conclude
from testbed.stored_trace import played_once
from tests.conftest import PROJECT


def test_findings_cross_and_the_trace_is_inspected_again_where_it_is_asked_for(tmp_path: Path) -> None:
    trace = Path(shutil.copy(PROJECT / "captures" / "mailbox-full.pcapng", tmp_path))
    outcome = conclude(played_once(trace))
    crossed = pickle.loads(pickle.dumps(outcome))
    assert (crossed.result, crossed.judgement) == (outcome.result, outcome.judgement)
    assert crossed.findings == outcome.findings != ()
    assert outcome.analysis is not None
    assert crossed.analysis.log == outcome.analysis.log
    trace.unlink()
    gone = pickle.loads(pickle.dumps(outcome))
    assert gone.findings == outcome.findings
    with pytest.raises(CaptureError):
        _ = gone.analysis
