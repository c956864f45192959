"""Reads capture files: opens, unpacks, and hands over to the reader of the format."""

from __future__ import annotations

import gzip
import mmap
import os
import stat
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from testbed.errors import CaptureError, reason
from testbed.extras import lacking
from testbed.pcap.bombs import RecordLimit
from testbed.pcap.capture import Capture
from testbed.pcap.classic import MAGICS as CLASSIC_MAGICS
from testbed.pcap.classic import read_classic
from testbed.pcap.pcapng import MAGIC as PCAPNG_MAGIC
from testbed.pcap.pcapng import read_pcapng
from testbed.protocols.text import shown

_MAX_SPOOLED = 64 << 30
_CHUNK = 1 << 20
_MAGIC_OCTETS = 4


def read_capture(path: str | os.PathLike[str]) -> Capture:
    """Read a pcap or pcapng file, plain or packed by gzip or zstd; ``-`` is standard input.

    Raises CaptureError when the file cannot be read or is no capture.  A file that is damaged or breaks off gives what
    is whole before the damage, and says so in ``problems``.
    """
    name = os.fspath(path)
    try:
        with _open(name) as file:
            magic = file.read(_MAGIC_OCTETS)
            file.seek(0)
            for packed, unpack in PACKED.items():
                if magic.startswith(packed):
                    problems: list[str] = []
                    limit = RecordLimit(name, os.fstat(file.fileno()).st_size)
                    with _spooled(_begun(unpack(file, name, problems), name), name, limit) as plain:
                        capture = parse_capture(_mapped(plain), name)
                        return replace(capture, problems=(*problems, *capture.problems))
            return parse_capture(_mapped(file), name)
    except OSError as error:
        raise CaptureError(f"{shown(name)}: it cannot be read: {reason(error)}") from error


def parse_capture(data: NDArray[np.uint8], name: str = "capture") -> Capture:
    """Read a capture from its octets; ``name`` is what errors call it.  Raises CaptureError."""
    magic = data[:4].tobytes()
    if magic in CLASSIC_MAGICS:
        return read_classic(data, name)
    if magic == PCAPNG_MAGIC:
        return read_pcapng(data)
    if not len(data):
        raise CaptureError(f"{shown(name)}: the file is empty")
    text = f" ('{magic.decode()}', so it is text); 'tcpdump -w FILE' writes captures" if _is_text(magic) else ""
    raise CaptureError(f"{shown(name)}: this is not a pcap or pcapng file: it begins with {magic.hex(' ')}{text}")


def _is_text(octets: bytes) -> bool:
    return octets.isascii() and octets.decode().isprintable()


def _open(name: str) -> BinaryIO:
    """A regular file, or all of standard input; any other pipe or device could make the reader wait for ever."""
    if name == "-":
        return _spooled(iter(lambda: sys.stdin.buffer.read(_CHUNK), b""), "standard input")
    descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise CaptureError(f"{shown(name)}: this is not a regular file")
    return os.fdopen(descriptor, "rb")


def _mapped(file: BinaryIO) -> NDArray[np.uint8]:
    if not os.fstat(file.fileno()).st_size:
        return np.zeros(0, np.uint8)
    return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)


def _begun(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """The same octets; what is no capture is refused before all of it is unpacked.  Raises CaptureError."""
    magic = b""
    for chunk in chunks:
        if len(magic) < _MAGIC_OCTETS:
            magic += chunk[: _MAGIC_OCTETS - len(magic)]
            if len(magic) == _MAGIC_OCTETS and magic not in CLASSIC_MAGICS and magic != PCAPNG_MAGIC:
                parse_capture(np.frombuffer(magic, np.uint8), name)  # raises the error that fits
        yield chunk


def _spooled(chunks: Iterable[bytes], name: str, limit: RecordLimit | None = None) -> BinaryIO:
    """Octets as an unnamed file on disk: memory stays bounded whatever a packed file unpacks to."""
    plain: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    written = 0
    for chunk in chunks:
        written += len(chunk)
        if written > _MAX_SPOOLED:
            plain.close()
            raise CaptureError(f"{shown(name)}: it holds more than {_MAX_SPOOLED >> 30} GiB")
        plain.write(chunk)
        if limit is not None and limit.over(plain, written):
            break
    plain.flush()
    plain.seek(0)
    return plain


def _gunzipped(file: BinaryIO, name: str, problems: list[str]) -> Iterator[bytes]:
    """What can be unpacked of a gzip file, up to where it is damaged; ``problems`` hears of that."""
    some = False
    try:
        with gzip.open(file) as source:
            while chunk := source.read1(_CHUNK):  # what is there: the rest may be damaged
                some = True
                yield chunk
    except (EOFError, zlib.error, gzip.BadGzipFile):
        if not some:
            raise CaptureError(f"{shown(name)}: the gzip data is damaged from the start") from None
        problems.append("the gzip data breaks off or is damaged; what could be unpacked is shown")


def _unzstandard(file: BinaryIO, name: str, problems: list[str]) -> Iterator[bytes]:
    """What can be unpacked of a zstd file, up to where it is damaged; ``problems`` hears of that."""
    if wanted := lacking("zstd"):
        raise CaptureError(f"{shown(name)}: to read zstd, {wanted}, or unpack it with zstd -d")
    import zstandard

    some = False
    try:
        with zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as source:
            while chunk := source.read(_CHUNK):
                some = True
                yield chunk
    except zstandard.ZstdError:
        if not some:
            raise CaptureError(f"{shown(name)}: the zstd data is damaged from the start") from None
        problems.append("the zstd data breaks off or is damaged; what could be unpacked is shown")


PACKED: dict[bytes, Callable[[BinaryIO, str, list[str]], Iterator[bytes]]] = {
    b"\x1f\x8b": _gunzipped,
    b"\x28\xb5\x2f\xfd": _unzstandard,
}
