"""Findings that only follow from another: they stand behind it, and nobody is blamed a second time."""

from __future__ import annotations

from collections.abc import Iterable, Set

from msgspec.structs import replace

from testbed.trace.model.connection import Connection
from testbed.trace.model.finding import Finding, Severity

_FOLLOW = {  # the code of a finding: those of which it is a consequence
    "connection-reset": frozenset(("server-draws-out", "client-impatient")),
    "message-cut-off": frozenset(("server-draws-out", "client-impatient")),
}
_DISPUTED = "; this is in dispute, as the same octets also came with different content"


def with_causes_first(connection: Connection, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings of a connection, what follows from others last."""
    remarks = connection.transport.remarks
    disputed = {frame for remark in remarks if remark.code == "octets-contradict" for frame in remark.frames}
    found = [_doubted(finding, disputed) for finding in findings]
    codes = {finding.code for finding in found}
    causes, effects = list[Finding](), list[Finding]()
    for finding in found:
        if _FOLLOW.get(finding.code, frozenset()) & codes:
            effects.append(replace(finding, severity=Severity.INFO))
        else:
            causes.append(finding)
    return (*causes, *effects)


def _doubted(finding: Finding, disputed: Set[int]) -> Finding:
    """A finding that rests on ``disputed`` packets alone, of which somebody may have made up one."""
    if not finding.frames or finding.code == "octets-contradict" or not disputed >= set(finding.frames):
        return finding
    return replace(finding, severity=Severity.INFO, text=finding.text + _DISPUTED)
