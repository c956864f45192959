"""Expectations to verdicts, judged from the analysis of a trace and from nothing else."""

from testbed.expect.judge import Judgement, came_true, judge
from testbed.expect.verdict import Verdict

__all__ = ["Judgement", "Verdict", "came_true", "judge"]
