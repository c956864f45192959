"""What hosts logged into a trace."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A line a host logged into the trace (a systemd journal export block)."""

    frame: int
    time_ns: int
    host: str
    event: str  # our vocabulary, "" for a stranger's journal
    message: str
    fields: dict[str, str]  # lower-case names without our prefix
