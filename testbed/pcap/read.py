"""Reads capture files: opens, unpacks, and hands over to the reader of the format."""

from __future__ import annotations

import gzip
import mmap
import os
import stat
import tempfile
import zlib
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from testbed.errors import CaptureError
from testbed.pcap.capture import Capture
from testbed.pcap.classic import MAGICS as CLASSIC_MAGICS
from testbed.pcap.classic import read_classic
from testbed.pcap.pcapng import MAGIC as PCAPNG_MAGIC
from testbed.pcap.pcapng import read_pcapng

_GZIP = b"\x1f\x8b"
_MAX_UNPACKED = 64 << 30
_CHUNK = 1 << 20


def read_capture(path: str | os.PathLike[str]) -> Capture:
    """Read a pcap or pcapng file, gzipped or not.

    Raises CaptureError when the file cannot be read or is no capture.  A file that is damaged or breaks off gives what
    is whole before the damage, and says so in ``problems``.
    """
    name = os.fspath(path)
    try:
        with _open(name) as file:
            magic = file.read(4)
            file.seek(0)
            if magic[:2] == _GZIP:
                with _unpacked(file, name) as plain:
                    return parse_capture(_mapped(plain), name)
            return parse_capture(_mapped(file), name)
    except OSError as error:
        raise CaptureError(f"{name}: it cannot be read: {(error.strerror or str(error)).lower()}") from error


def parse_capture(data: NDArray[np.uint8], name: str = "capture") -> Capture:
    """Read a capture from its octets; ``name`` is what errors call it.  Raises CaptureError."""
    magic = data[:4].tobytes()
    if magic in CLASSIC_MAGICS:
        return read_classic(data, name)
    if magic == PCAPNG_MAGIC:
        return read_pcapng(data)
    if not len(data):
        raise CaptureError(f"{name}: the file is empty")
    raise CaptureError(f"{name}: this is no capture: it begins with {magic.hex(' ')}, neither pcap nor pcapng")


def _open(name: str) -> BinaryIO:
    """A regular file; a pipe or device could make the reader wait for ever."""
    descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise CaptureError(f"{name}: this is not a regular file")
    return os.fdopen(descriptor, "rb")


def _mapped(file: BinaryIO) -> NDArray[np.uint8]:
    if not os.fstat(file.fileno()).st_size:
        return np.zeros(0, np.uint8)
    return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)


def _unpacked(file: BinaryIO, name: str) -> BinaryIO:
    """The contents of a gzip file as an unnamed file on disk: memory stays bounded whatever it unpacks to."""
    plain: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    written = 0
    try:
        with gzip.open(file) as source:
            while chunk := source.read1(_CHUNK):  # what is there: the rest may be damaged
                written += len(chunk)
                if written > _MAX_UNPACKED:
                    raise CaptureError(f"{name}: it unpacks to more than {_MAX_UNPACKED >> 30} GiB")
                plain.write(chunk)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        if not written:
            plain.close()
            raise CaptureError(f"{name}: the gzip data is damaged from the start") from None
    plain.flush()
    return plain
