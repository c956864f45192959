"""What a run is red for: the same value for every run of one cause, whatever mail, times and numbers it had."""

from __future__ import annotations

import re

from testbed.explore.ran import Breach, Ran

_OWN_TO_A_RUN = (
    (re.compile(r"<[^<>\s]*>"), "<…>"),  # Message-IDs and paths
    (re.compile(r"[^\s<>;,:'\"]+@[\w.-]*\w"), "somebody"),
    (re.compile(r"(?<!\w)'.*?'(?!\w)"), "'…'"),
    (re.compile(r"\b(?:\d+(?:\.\d+)? (?:ms|s|min|h|d)\b ?)+(?<! )|\b\d+(?:\.\d+)? (?:minutes|seconds)\b"), "some time"),
    (re.compile(r"(?<![\w.])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:]*:[0-9a-f]*)(?![\w.]*\w)"), "an address"),
    (re.compile(r"(?<![\w.-])\d+(?:[.,]\d+)*(?![\w-])(?: (?<![\w.-])\d+(?:[.,]\d+)*(?![\w-]))*"), "N"),
)


def cause(breach: Breach) -> str:
    """What was broken and how, without what is another in every run: messages, addresses, times, numbers."""
    how = breach.why
    for pattern, word in _OWN_TO_A_RUN:
        how = pattern.sub(word, how)
    return f"{breach.what}: {how}"


def causes(ran: Ran) -> tuple[str, ...]:
    """Those of all that was broken in a run, each once."""
    return tuple(dict.fromkeys(cause(breach) for breach in ran.breaches))


def breach_of(ran: Ran, wanted: str) -> Breach | None:
    """The first breach of a run that has this cause."""
    return next((breach for breach in ran.breaches if cause(breach) == wanted), None)
