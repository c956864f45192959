"""Only CRLF.CRLF ends mail data: a server that takes less for the end truncates a message (RFC 5321 §4.1.1.4).

What comes behind such a place are commands to that server, and a message that nobody has sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from testbed.expect.conservation.passages import Passage
from testbed.expect.verdict import Verdict
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis

_SHOW_IT = frozenset(("smuggled", "data-ended-early"))


def ended_data_early(scenario: Scenario, analysis: Analysis, carried: Sequence[Passage]) -> Iterator[Verdict]:
    """A server has answered a message before its end, or has given replies to what is hidden in it."""
    for connection in analysis.connections:
        for finding in connection.findings:
            if finding.code in _SHOW_IT:
                yield Verdict("only CRLF.CRLF ends mail data", False, finding.text, finding.frames)
