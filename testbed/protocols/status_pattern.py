"""Codes as they are expected: ``5.1.*`` for enhanced status codes (RFC 3463), ``5.. 5.1.*`` for replies of SMTP."""

from __future__ import annotations

from collections.abc import Sequence

STATUS = r"[245*]\.(\*|(\d{1,3}|\*)\.(\d{1,3}|\*))"
"""A regular expression for an expected enhanced status code."""
REPLY = rf"[2-5][\d.]{{2}}( {STATUS})?"
"""A regular expression for an expected reply of SMTP."""


def status_fits(status: str, wanted: str) -> bool:
    """Whether an enhanced status code is the one wanted: ``5.1.1``, ``5.1.*``, or ``5.*``, which is ``5.*.*``."""
    parts, wanted_parts = status.split("."), wanted.split(".")
    if len(wanted_parts) == 2 and wanted_parts[-1] == "*":
        wanted_parts.append("*")
    return _alike(parts, wanted_parts, "*")


def reply_fits(reply: str, wanted: str) -> bool:
    """Whether a reply is the one wanted: ``452 4.2.2`` fits 452, 4.., ``4.. 4.2.*``; ``NO [OVERQUOTA]`` fits NO."""
    (code, _, detail), (wanted_code, _, wanted_detail) = reply.partition(" "), wanted.partition(" ")
    if not _alike(code, wanted_code, "."):
        return False
    return not wanted_detail or detail == wanted_detail or status_fits(detail, wanted_detail)


def _alike(given: Sequence[str], wanted: Sequence[str], any_: str) -> bool:
    return len(given) == len(wanted) and all(b in (a, any_) for a, b in zip(given, wanted, strict=True))
