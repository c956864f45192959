"""What a run came to, as a letter and a colour."""

from __future__ import annotations

from testbed.explore.ran import Came

LETTERS: dict[Came, tuple[str, str, str]] = {
    Came.RED: ("X", "failed", "broken: something that always holds did not"),
    Came.NOT_OVER: ("E", "error", "not over: the lab's time was up, or it could not be played"),
    Came.DELIVERED: ("d", "held", "delivered, but not as without the fault"),
    Came.TWICE: ("2", "changed", "delivered twice, as a reply was lost"),
    Came.GIVEN_BACK: ("b", "changed", "returned: bounced, refused, or never accepted"),
    Came.QUEUED: ("q", "changed", "still in a queue at the end"),
    Came.UNKNOWN: ("?", "quiet", "unknown: the trace does not show it"),
    Came.UNNOTICED: (".", "quiet", "as without the fault"),
    Came.NEVER_REACHED: ("-", "quiet", "never reached: the fault had no occasion"),
}
"""Letter, style, and what it means."""

NOT_TRIED = " "
