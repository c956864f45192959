"""A connection, and all that was understood of it."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from testbed.trace.model.exchange import Exchange, Transaction
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.model.mail import ReadMail
from testbed.trace.model.phase import Phase, PhaseSpan
from testbed.trace.model.remark import Remark
from testbed.trace.model.tls import TlsSession

_OF_NO_MAIL = frozenset(("RSET", "NOOP", "QUIT"))  # commands with which no mail is handed over


class Handshake(StrEnum):
    """How the opening of a connection ended."""

    COMPLETE = "complete"
    REFUSED = "refused"  # RST answered the SYN
    UNANSWERED = "unanswered"  # SYN without any answer
    UNREACHABLE = "unreachable"  # an ICMP error answered the SYN
    INCOMPLETE = "incomplete"  # SYN and SYN-ACK, never the third ACK
    UNSEEN = "unseen"  # the capture starts after it (or the transport has none)


class Closure(StrEnum):
    """How a connection ended."""

    NORMAL = "normal"  # FIN from both sides
    HALF = "half"  # FIN from one side only
    RESET = "reset"  # RST
    OPEN = "open"  # still open when the capture ends


class Endpoint(Struct, frozen=True):
    """One end of a connection.  ``str()`` gives ``address:port`` or ``[v6]:port``."""

    address: str
    port: int
    name: str = ""

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    @property
    def label(self) -> str:
        """The host's name where the capture tells it, else its address."""
        return self.name or self.address


class Opening(Struct, frozen=True):
    """How a connection opened; the defaults are those of UDP, which does not."""

    handshake: Handshake = Handshake.UNSEEN
    syn_frames: tuple[int, ...] = ()  # every SYN of the client, repeated ones included
    rtt_ns: int | None = None  # from the SYN to the ACK that completes the handshake
    cut_off: bool = False  # the capture ends before anything can be concluded from silence


class Ending(Struct, frozen=True):
    """How a connection ended; the defaults are those of UDP, which does not."""

    closure: Closure = Closure.OPEN
    by: str = ""  # "client", "server" or "": who sent the first FIN, or the RST
    frames: tuple[int, ...] = ()  # of FIN or RST

    def __str__(self) -> str:
        words = {
            Closure.NORMAL: "closed normally",
            Closure.HALF: f"half closed by {self.by}",
            Closure.RESET: f"reset by {self.by}",
            Closure.OPEN: "open",
        }
        return words[self.closure]


class Transport(Struct, frozen=True):
    """What TCP or UDP shows of a connection."""

    protocol: str  # "tcp" or "udp"
    conn_state: str  # Zeek's
    history: str  # Zeek's
    client_octets: int  # payload, retransmissions not counted twice
    server_octets: int
    opening: Opening = Opening()
    ending: Ending = Ending()
    completeness: int = 0  # Wireshark's
    retransmissions: int = 0
    retransmitted_frames: tuple[int, ...] = ()  # data sent again
    gaps: int = 0  # holes in the data the capture never filled
    remarks: tuple[Remark, ...] = ()  # what became of packets on the way
    words: bool = False  # the client began with a line of text, and no dialogue was understood


class Connection(Struct, frozen=True):
    """One TCP connection, or one UDP flow, and all that was understood of it."""

    number: int  # from 1, in order of first packet
    client: Endpoint
    server: Endpoint
    service: str  # smtp, submission, dns, pop3, imap, http ... or ""
    start_ns: int
    end_ns: int
    first_frame: int
    last_frame: int
    packets: int
    transport: Transport
    tls: TlsSession | None  # what TLS showed, None where there was none
    phases: tuple[PhaseSpan, ...]
    exchanges: tuple[Exchange, ...]
    transactions: tuple[Transaction, ...]
    remarks: tuple[Remark, ...]  # what the dialogue shows besides its exchanges
    outcome: str  # one line: "mail for bob@someschool.edu: 452 4.2.2 Mailbox full"
    findings: tuple[Finding, ...] = ()

    @property
    def opening(self) -> Opening:
        """How it opened."""
        return self.transport.opening

    @property
    def ending(self) -> Ending:
        """How it ended."""
        return self.transport.ending

    def finding(self, code: str, severity: Severity, text: str, frames: tuple[int, ...], reference: str) -> Finding:
        """A finding about this connection alone."""
        return Finding(code, severity, text, frames, reference, (self.number,))

    @property
    def messages(self) -> tuple[Transaction | ReadMail, ...]:
        """Mail transactions, or the messages that POP3 and IMAP carried."""
        return self.transactions or tuple(m for e in self.exchanges if e.result is not None for m in e.result.carried)

    @property
    def unheard(self) -> Endpoint | None:
        """The end of which the capture holds no packet though it spoke; None where it holds both."""
        letters = self.transport.history.replace("^", "")
        if self.transport.protocol != "tcp" or self.opening.handshake is not Handshake.COMPLETE:
            return None
        if not any(letter.islower() for letter in letters):
            return self.server
        return self.client if not any(letter.isupper() for letter in letters) else None

    @property
    def all_taken(self) -> bool:
        """Whether mail was handed over, and all of it was taken: what else went wrong kept nobody's mail back."""
        recipients = [recipient for transaction in self.transactions for recipient in transaction.recipients]
        missing = [e for e in self.exchanges if not e.unseen and (e.reply is None or not e.reply.whole)]
        unanswered = {e.command.verb for e in missing if e.command}
        return bool(recipients) and all(to.accepted for to in recipients) and unanswered <= _OF_NO_MAIL

    @property
    def said_goodbye(self) -> bool:
        """Whether both said so: a QUIT the server answered, or one that met its 421 (RFC 5321 §3.8)."""
        closing = any(e.reply is not None and e.reply.code == "421" for e in self.exchanges)
        goodbyes = [e for e in self.exchanges if e.phase is Phase.CLOSURE and e.command is not None]
        return any(closing or goodbye.unseen or goodbye.reply is not None for goodbye in goodbyes)
