"""Why a record stays closed."""

from __future__ import annotations

from enum import Enum


class Closed(Enum):
    """The end of a sentence about a connection."""

    NO_SERVER_HELLO = "the capture does not hold its ServerHello"
    NO_SECRET = "the keys for it are not complete"
    SUITE = "its cipher suite is none that testbed opens"
    WRONG = "the keys for it are wrong"
    DAMAGED = "a record was damaged, or one before it is missing"
    RESTLESS = "its keys change more often than testbed follows"
    EARLY = "whether the server took the early data is not known"
