"""What became of the mail that a program of the user's has offered, as far as it has heard."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from testbed.expect.conservation.passages import Answer, Passage
from testbed.expect.deeds import Deed
from testbed.protocols import events
from testbed.trace.analysis import Analysis
from testbed.trace.model.exchange import Reply
from testbed.trace.model.log import of


class Offered(Struct, frozen=True):
    """A recipient to whom a program has offered a message; ``reply`` decided on it, None where none came.

    ``taken`` tells that the program has heard a 250 for the message.
    """

    recipient: str
    server: str
    taken: bool
    reply: Reply | None
    frames: tuple[int, ...]

    @property
    def fate(self) -> str:
        """In a sentence."""
        if self.taken:
            return f"{self.server} promised it to {self.recipient}"
        if self.reply is None or not self.reply.code or self.reply.code[0] not in "45":
            return f"no 250 came from {self.server} for {self.recipient}"
        return f"{self.server} refused {self.recipient} with {self.reply.status}"


def offered(deed: Deed, analysis: Analysis, carried: Sequence[Passage]) -> list[Offered]:
    """All it has offered, in order; a recipient offered again counts as it went at last, and taken once it was."""
    last: dict[str, Offered] = {}
    for connection in analysis.connections:
        for transaction in connection.transactions if deed.did(connection) else ():
            for recipient in transaction.recipients:
                address, reply = recipient.address.lower(), recipient.decisive
                frames = reply.frames[-1:] if reply is not None else transaction.frames[-1:]
                heard = any(
                    passage.client == deed.host
                    and passage.recipient == address
                    and passage.answer is Answer.TAKEN
                    and connection.start_ns <= passage.began_ns <= connection.end_ns
                    for passage in carried
                )
                one = Offered(address, connection.server.label, recipient.accepted and heard, reply, frames)
                if address not in last or not last[address].taken:
                    last[address] = one
    return list(last.values())


def tells(deed: Deed, one: Offered, analysis: Analysis) -> bool:
    """Whether what it said while it ran names the recipient, or the reply."""
    lines = (entry for entry in of(analysis.log, events.Said) if entry.host == deed.host)
    said = " ".join(line.event.text for line in lines if deed.began_ns <= line.time_ns <= deed.ended_ns).lower()
    reply = one.reply
    return one.recipient in said or (reply is not None and bool(reply.code) and reply.code in said)
