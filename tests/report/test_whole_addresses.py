"""However narrow a terminal is, a report breaks no address that a break elsewhere would keep whole."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from rich.console import Console

from testbed.report.console import THEME
from testbed.report.trace import trace_report
from testbed.trace.inspect import inspect
from tests.conftest import PROJECT

CUT = re.compile(r"<[^\s<>]*@?[^\s<>]*(?=\s|$)")  # begun, and not ended in its line


@pytest.mark.parametrize("width", [80, 100, 200])
@pytest.mark.parametrize("name", ["mailbox-full", "address-beyond-ascii-taken", "composition-a-group"])
def test_no_address_is_broken(name: str, width: int) -> None:
    page = StringIO()
    console = Console(file=page, theme=THEME, width=width, markup=False, highlight=False, emoji=False)
    trace_report(console, inspect(PROJECT / "captures" / f"{name}.pcapng"))
    lines = page.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert [line for line in lines if CUT.search(line)] == []
