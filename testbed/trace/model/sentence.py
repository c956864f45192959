"""How remarks are told: a table of sentences, by the code of the remark, makes findings of them."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from testbed.trace.model.connection import Connection
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.model.remark import Remark


class Sentence(Struct, frozen=True):
    """How a remark is told: ``text`` may name ``{client}``, ``{server}``, and the ``{detail}`` that was seen.

    ``ordered`` tells that it is only worth something when the capture has the beginning.  ``code`` is that of the
    finding, ``""`` where it is the remark's.
    """

    severity: Severity
    text: str
    reference: str
    ordered: bool = False
    code: str = ""

    def about(self, connection: Connection, remark: Remark, **words: str) -> Finding:
        """The finding; ``words`` are what the text may name besides."""
        words |= {"client": connection.client.label, "server": connection.server.label, "detail": remark.detail}
        text = self.text.format(**words)
        text += f" ({remark.times:,} times)" if remark.times > 1 else ""
        found = connection.finding(self.code or remark.code, self.severity, text, remark.frames, self.reference)
        return replace(found, times=remark.times)
