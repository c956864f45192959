"""The values an analysis is made of.  They do not know whether the trace is ours or a stranger's.

Times are integer nanoseconds since the Unix epoch; frames are numbered from 1 as Wireshark numbers them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from testbed.trace.remarks import Remark
from testbed.trace.tls import TlsSession


class Phase(StrEnum):
    """The three phases of a TCP connection that carries mail."""

    HANDSHAKE = "handshake"  # TCP's three segments, then the protocol's own greeting
    TRANSFER = "transfer"  # mail transactions, queries, retrieval
    CLOSURE = "closure"  # QUIT and its reply, FIN or RST


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


class Severity(StrEnum):
    """How much a finding matters to somebody whose mail did not arrive."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Endpoint:
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


@dataclass(frozen=True, slots=True)
class Command:
    """What the client said.

    ``verb`` is upper case as in the protocol (``RCPT``, ``RETR``); DNS queries use the type (``MX``).  Two are
    pseudo-commands in lower case: ``connect`` (waiting for the greeting) and ``message`` (the octets after 354
    up to the final dot).  ``octets`` counts what was sent, terminators included.
    """

    verb: str
    argument: str
    frames: tuple[int, ...]
    time_ns: int
    octets: int


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answered.

    ``code`` is the protocol's own word: ``250``, ``+OK``, ``NO``, ``NXDOMAIN``.  ``enhanced`` is the RFC 3463
    status code or ``""``.  ``lines`` are the texts without code and enhanced code.
    """

    code: str
    enhanced: str
    lines: tuple[str, ...]
    frames: tuple[int, ...]
    time_ns: int
    octets: int

    @property
    def text(self) -> str:
        """All lines joined by a space."""
        return " ".join(self.lines)

    @property
    def status(self) -> str:
        """Code and enhanced code: ``452 4.2.2``."""
        return f"{self.code} {self.enhanced}".strip()


@dataclass(frozen=True, slots=True)
class Exchange:
    """A command and its reply; either may be missing (cut connection, greeting, unsolicited 421)."""

    phase: Phase
    command: Command | None
    reply: Reply | None
    note: str  # the outcome in words: "RCPT refused: mailbox full (temporary)"

    @property
    def latency_ns(self) -> int | None:
        """From the last octet of the command to the first of the reply."""
        if self.command is None or self.reply is None:
            return None
        return self.reply.time_ns - self.command.time_ns

    @property
    def frames(self) -> tuple[int, ...]:
        """Frames of the command, then of the reply."""
        return (self.command.frames if self.command else ()) + (self.reply.frames if self.reply else ())


@dataclass(frozen=True, slots=True)
class Recipient:
    """One RCPT of a transaction and the fate it met on this connection."""

    address: str
    reply: Reply | None  # to RCPT, or to the refused MAIL before it
    accepted: bool  # RCPT answered 2xx and the message answered 2xx
    parameters: str = ""  # what RCPT said besides the address: "NOTIFY=NEVER"


@dataclass(frozen=True, slots=True)
class Transaction:
    """An SMTP mail transaction (RFC 5321 §3.3): one MAIL, its RCPTs, at most one message."""

    sender: str  # reverse-path, "" for the null path
    recipients: tuple[Recipient, ...]
    message: Exchange | None  # the octets after 354 and the reply to the final dot
    message_id: str
    subject: str
    frames: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PhaseSpan:
    """One phase of one connection."""

    phase: Phase
    start_ns: int
    end_ns: int
    first_frame: int
    last_frame: int
    packets: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence of diagnosis with its evidence."""

    code: str  # stable kebab-case name: "mailbox-full", "connection-refused"
    severity: Severity
    text: str
    frames: tuple[int, ...]
    reference: str  # "RFC 5321 §4.5.4.1"
    connections: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Connection:
    """One TCP connection, or one UDP flow (``transport``), and all that was understood of it."""

    number: int  # from 1, in order of first packet
    transport: str  # "tcp" or "udp"
    client: Endpoint
    server: Endpoint
    service: str  # smtp, submission, dns, pop3, imap, http ... or ""
    start_ns: int
    end_ns: int
    first_frame: int
    last_frame: int
    packets: int
    handshake: Handshake
    closure: Closure
    closed_by: str  # "client", "server" or "": who sent the first FIN, or the RST
    closure_frames: tuple[int, ...]
    syn_frames: tuple[int, ...]  # every SYN of the client, repeated ones included
    retransmitted_frames: tuple[int, ...]  # data sent again
    phases: tuple[PhaseSpan, ...]
    exchanges: tuple[Exchange, ...]
    transactions: tuple[Transaction, ...]
    conn_state: str  # Zeek's
    history: str  # Zeek's
    completeness: int  # Wireshark's
    client_octets: int  # payload, retransmissions not counted twice
    server_octets: int
    retransmissions: int
    gaps: int  # holes in the data the capture never filled
    rtt_ns: int | None  # of the handshake
    tls: TlsSession | None  # what TLS showed, None where there was none
    outcome: str  # one line: "mail for bob@someschool.edu: 452 4.2.2 Mailbox full"
    findings: tuple[Finding, ...]
    remarks: tuple[Remark, ...] = ()  # what the dialogue shows besides its exchanges
    transport_remarks: tuple[Remark, ...] = ()  # what became of packets on the way

    @property
    def said_goodbye(self) -> bool:
        """Whether both said so: a QUIT the server answered, or one that met its 421 (RFC 5321 §3.8)."""
        closing = any(e.reply is not None and e.reply.code == "421" for e in self.exchanges)
        goodbyes = [e for e in self.exchanges if e.phase is Phase.CLOSURE and e.command is not None]
        return any(closing or goodbye.reply is not None for goodbye in goodbyes)


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A line a host logged into the trace (a systemd journal export block)."""

    frame: int
    time_ns: int
    host: str
    event: str  # our vocabulary, "" for a stranger's journal
    message: str
    fields: dict[str, str]  # lower-case names without our prefix
