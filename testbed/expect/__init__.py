"""Expectations to verdicts, judged from the analysis of a trace and from nothing else."""

from testbed.expect.judge import Judgement, judge
from testbed.expect.verdict import Verdict

__all__ = ["Judgement", "Verdict", "judge"]
