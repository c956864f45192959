"""Columns of NumPy as the library takes them.  Whoever hands one over keeps it for as long as it is read."""

from __future__ import annotations

import ctypes

import numpy as np
from numpy.typing import NDArray

from testbed.native.library import Octets


class Column(ctypes.Structure):
    """Numbers of 1, 2, 4 or 8 octets: where the first is, how many, how wide, and how far apart."""

    _fields_ = (
        ("at", ctypes.c_void_p),
        ("count", ctypes.c_uint64),
        ("width", ctypes.c_uint64),
        ("stride", ctypes.c_uint64),
    )


def column(numbers: NDArray[np.generic]) -> Column:
    """A column to be read."""
    return Column(numbers.ctypes.data, len(numbers), numbers.itemsize, numbers.strides[0])


def octets(data: NDArray[np.uint8]) -> Octets:
    """Octets to be read."""
    return Octets(data.ctypes.data, len(data))


def address(numbers: NDArray[np.generic]) -> ctypes.c_void_p:
    """Where numbers are to be written."""
    return ctypes.c_void_p(numbers.ctypes.data)
