"""The compiled library, where it is there and made of these sources."""

from __future__ import annotations

import ctypes
import os
from functools import cache

from testbed.native.build import LIBRARY, made_of

WITHOUT = "TESTBED_WITHOUT_LIBRARY"
"""The environment variable that keeps it from being used."""


class Octets(ctypes.Structure):
    """Octets as the library takes them: where they are, and how many."""

    _fields_ = (("at", ctypes.c_void_p), ("size", ctypes.c_uint64))


@cache
def library() -> ctypes.CDLL | None:
    """The library, None where there is none to use."""
    return None if missing() else ctypes.CDLL(str(LIBRARY))


def missing() -> str:
    """Why there is no library to use, ``""`` where there is one."""
    if os.environ.get(WITHOUT):
        return f"{WITHOUT} is set"
    if not LIBRARY.exists():
        return "it has not been compiled"
    try:
        found: int = ctypes.CDLL(str(LIBRARY)).made_of()
    except (OSError, AttributeError) as error:
        return f"it cannot be loaded: {error}"
    return "" if found & 0xFFFFFFFF == made_of() else "it was compiled from other sources"
