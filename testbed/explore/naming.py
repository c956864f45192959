"""What a scenario that was found is called: a title, and the name of its file."""

from __future__ import annotations

import re
from collections.abc import Sequence

from testbed.explore.candidate import FaultData
from testbed.explore.promises import Promise
from testbed.plural import count
from testbed.protocols.text import printable
from testbed.scenario.faults import Fault

_LONGEST_TITLE, _LONGEST_NAME = 140, 70
_WHERE = ("at", "host", "zone", "tls", "link", "between")
_WHAT = ("on", "when", "kind", "packets")
_DEEDS = ("is", "answer", "then", "reset", "forget", "unreachable")
_COUNTED = ("lose", "duplicate", "corrupt", "truncate", "zero_window", "reorder", "delay", "jitter", "mtu", "bandwidth")
_MOMENTS = {"command": "before", "act": "done", "reply": "after"}


def title(promise: Promise, faults: Sequence[Fault]) -> str:
    """``Mail is lost when someschool.edu answers RCPT with 451 4.3.0 Try again later once``."""
    whole = " when ".join([promise.broken, *([" and ".join(fault.describe() for fault in faults)] if faults else [])])
    several = f"{promise.broken} after {count(len(faults), 'fault')}"
    return printable(whole if len(whole) <= _LONGEST_TITLE else several)


def file_name(promise: Promise, faults: Sequence[FaultData]) -> str:
    """The same for the same, without suffix: ``lost-message-someschool-rcpt-451``."""
    words = [
        promise.name,
        *(f"and-{_called(fault)}" if number else _called(fault) for number, fault in enumerate(faults)),
    ]
    return re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower())[:_LONGEST_NAME].strip("-")


def _called(fault: FaultData) -> str:
    words = []
    for key in (*_WHERE, *_WHAT):
        value = fault.get(key)
        hosts = value if isinstance(value, list | tuple) else [value] if value is not None else []
        words += [_short(str(one)) if key in _WHERE else str(one).removeprefix("it has ") for one in hosts]
    reply = fault.get("reply")
    first = reply[0] if isinstance(reply, list | tuple) and reply else reply
    words += [str(first)[:3]] if first is not None else []
    words += [str(fault[key]) for key in _DEEDS if key in fault]
    words += [key for key in _COUNTED if key in fault]
    words += [_MOMENTS.get(str(fault["after"]), "")] if "after" in fault else []
    words += ["mid-message"] if "octet" in fault else []
    words += ["raw"] if "raw" in fault else []
    words += ["always"] if fault.keys() & {"at", "zone", "tls"} and "times" not in fault else []
    return "-".join(words)


def _short(host: str) -> str:
    """The first label of a host's name that tells it from others: ``mx1``, ``someschool``."""
    return host.partition(".")[0]
