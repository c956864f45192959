"""A comparison of several players as a page: a row a scenario, a column a player."""

from __future__ import annotations

from testbed.plural import count
from testbed.report.compared.comparison import Comparison, broken
from testbed.report.compared.words import times
from testbed.report.html.page import page


def comparison_html(comparison: Comparison) -> str:
    """Every row that anybody has played, those that differ first."""
    rows = sorted((row for row in comparison.rows if row.is_played), key=lambda row: not row.differs)
    differ, bad = sum(row.differs for row in rows), broken(rows)
    red = f", {count(bad, 'time')} something was broken" if bad else ""
    return page(
        "compared.html",
        title=f"{count(len(rows), 'scenario')} compared: {differ} differ{red}",
        comparison=comparison,
        rows=rows,
        times=times,
    )
