"""Letters, read while their octets go by."""

from __future__ import annotations

from testbed.protocols.attachments import AttachmentReader
from testbed.protocols.header import MAX_HEADER_OCTETS, header_field
from testbed.protocols.received import received
from testbed.trace.model.mail import Letter

_END = b"\r\n\r\n"


class LetterReader:
    """Feed it a message.  It keeps the header, and of what is behind it only what files it holds."""

    def __init__(self) -> None:
        self._header = bytearray()
        self._files: AttachmentReader | None = None  # behind the header
        self._octets = 0
        self._holed = False

    def add(self, octets: bytes) -> None:
        """The next octets."""
        self._octets += len(octets)
        if self._files is not None:
            if not self._files.idle:
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
        self._files = AttachmentReader(bytes(self._header))
        self._files.add(behind)

    def hole(self) -> None:
        """Octets are missing here."""
        self._holed = True
        if self._files is not None:
            self._files.hole()

    def letter(self) -> Letter:
        """What it says, as far as it has come."""
        header = bytes(self._header)
        return Letter(
            message_id=header_field(header, "Message-ID"),
            subject=header_field(header, "Subject"),
            author=header_field(header, "From"),
            date=header_field(header, "Date"),
            received=received(header),
            files=self._files.found() if self._files is not None else (),
            octets=self._octets,
            holed=self._holed,
        )
