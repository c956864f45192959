"""What comes behind the reply to STARTTLS: TLS, a dialogue in clear all the same, or nothing.

It goes on in clear where something on the way takes TLS off, or where a capture was decrypted in its place.
"""

from __future__ import annotations

from dataclasses import replace

from testbed.protocols.smtp import BEGINS_TLS, COMMANDS, split_command
from testbed.trace.flows import CLIENT
from testbed.trace.model.exchange import Exchange
from testbed.trace.model.remark import Remarks
from testbed.trace.services.smtp.results import TlsNeverBegan
from testbed.trace.tcp.reassembly import Chunk, Gap


class BehindStarttls:
    """Looks at the first octets behind the reply."""

    def __init__(self, remarks: Remarks) -> None:
        self._remarks = remarks
        self._expected = False

    def expect(self) -> None:
        """The server has agreed to TLS."""
        self._expected = True

    def is_clear(self, item: Chunk | Gap) -> bool:
        """Whether these octets, where they are the first, are a command in clear."""
        expected, self._expected = self._expected, False
        if not expected or isinstance(item, Gap) or item.decrypted or item.side != CLIENT:
            return False
        if split_command(item.octets.partition(b"\r\n")[0])[0] not in COMMANDS:
            return False
        self._remarks.note("clear-behind-starttls", (item.frame,))
        return True

    def settle(self, exchanges: list[Exchange]) -> None:
        """Nothing more comes: mark the last STARTTLS where nothing came behind its reply."""
        if not self._expected:
            return
        for at in reversed(range(len(exchanges))):
            command = exchanges[at].command
            if command is not None and command.verb in BEGINS_TLS:
                exchanges[at] = replace(exchanges[at], result=TlsNeverBegan())
                return
