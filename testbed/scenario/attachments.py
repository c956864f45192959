"""What a message carries beside its text."""

from __future__ import annotations

import mimetypes
from pathlib import PurePath

from pydantic import Field, model_validator

from testbed.scenario.base import Part, Size

MOST_OCTETS = 30_000_000
_DISCRETE = r"^(application|audio|font|image|model|text|video)/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,100}$"  # RFC 6838 §4.2
_UNKNOWN = "application/octet-stream"


class Attachment(Part):
    """A file that goes with a message: its content is made up, written out, or read from a file."""

    name: str = Field(
        default="",
        max_length=200,
        pattern=r"^[^\x00-\x1f\x7f-\x9f]*$",
        description="What the file is called, in any script (RFC 2231; default: that of 'file').",
        examples=["menu.pdf"],
    )
    type: str = Field(
        default="",
        pattern=_DISCRETE,
        description="Its media type (default: what the name tells).",
        examples=["application/pdf"],
    )
    size: Size | None = Field(
        default=None, le=MOST_OCTETS, description="Made-up content of this many octets, the same in every run."
    )
    content: str | None = Field(default=None, max_length=100_000, description="The content itself, as text in UTF-8.")
    file: str | None = Field(
        default=None, min_length=1, max_length=1_000, description="A file with the content, relative to the scenario."
    )

    @model_validator(mode="after")
    def _one_content(self) -> Attachment:
        given = [key for key in ("size", "content", "file") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError("an attachment has one of 'size', 'content' and 'file'")
        if not self.file_name:
            raise ValueError("an attachment needs a 'name', or a 'file' that has one")
        return self

    @property
    def file_name(self) -> str:
        """What it is called in the message."""
        return self.name or (PurePath(self.file).name if self.file is not None else "")

    @property
    def media_type(self) -> str:
        """Its type, by its name when none is said; what is no file of its own (a message, several parts) is octets."""
        if self.type:
            return self.type
        guessed, encoding = mimetypes.MimeTypes().guess_type(self.file_name)  # nothing of this machine's
        if guessed is None or encoding is not None or guessed.startswith(("message/", "multipart/")):
            return _UNKNOWN
        return guessed
