"""Two captures side by side as a page: each difference with what follows from it, then the dialogues."""

from __future__ import annotations

from pathlib import Path

from testbed.plural import count
from testbed.protocols.text import printable
from testbed.report.html.page import page
from testbed.report.talk_rows import told_talk
from testbed.report.timeline import account
from testbed.trace.analysis import Analysis
from testbed.trace.compare.comparison import Comparison


def differences_html(before: Analysis, now: Analysis, compared: Comparison) -> str:
    """The page of two captures."""
    number = len(compared.differences)
    return page(
        "differences.html",
        title="Both say the same" if compared.same else count(number, "difference"),
        sides=[(word, printable(one.path), account(one)) for word, one in (("before", before), ("now", now))],
        names=[printable(Path(one.path).name) for one in (before, now)],
        hosts=[f"{printable(new)} is taken for what {printable(old)} was" for new, old in compared.hosts],
        differences=compared.differences,
        talks=[told_talk(*pair, whole=True) for pair in compared.pairs if any(pair)],
    )
