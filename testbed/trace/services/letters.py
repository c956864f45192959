"""Letters, read while their octets go by."""

from __future__ import annotations

import re

from testbed.protocols.attachments import AttachmentReader
from testbed.protocols.header import MAX_HEADER_OCTETS
from testbed.trace.model.mail import Letter

_END = b"\r\n\r\n"
_MAY_HAVE_FILES = re.compile(rb"multipart/|message/|name|attachment", re.I)


class LetterReader:
    """Feed it a message.  It keeps the header, and of what is behind it only what files it holds."""

    def __init__(self) -> None:
        self._header = bytearray()
        self._whole = False  # the header
        self._files: AttachmentReader | None = None  # behind it, where there may be any
        self._octets = 0
        self._holed = self._torn = False  # the message, and its header

    def add(self, octets: bytes) -> None:
        """The next octets."""
        self._octets += len(octets)
        if self._whole:
            if self._files is not None:
                self._files.add(octets)
            return
        before = len(self._header)
        self._header += octets
        end = self._header.find(_END, max(0, before - len(_END) + 1))
        if end < 0 and len(self._header) < MAX_HEADER_OCTETS:
            return
        end = len(self._header) if end < 0 else end + len(_END)
        behind = bytes(self._header[end:])
        del self._header[end:]
        self._whole = True
        if _MAY_HAVE_FILES.search(self._header):
            self._files = AttachmentReader(bytes(self._header))
            self._files.add(behind)

    def hole(self) -> None:
        """Octets are missing here."""
        self._holed = True
        if not self._whole:  # the field that was going on may be any, and what comes next the rest of one
            self._torn = self._whole = True
            del self._header[_last_field(self._header) :]
        if self._files is not None:
            self._files.hole()

    def letter(self) -> Letter:
        """What it says, as far as it has come."""
        files = self._files.found() if self._files is not None else ()
        return Letter(bytes(self._header), files, self._octets, self._holed, self._whole and not self._torn)


def _last_field(header: bytearray) -> int:
    """Where the last field begins, which may go on (RFC 5322 §2.2.3)."""
    at = header.rfind(b"\n") + 1
    while at and (at == len(header) or header[at] in b" \t"):
        at = header.rfind(b"\n", 0, at - 1) + 1
    return at
