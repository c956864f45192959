"""TLS records decrypted by tshark, Wireshark's program for the command line: those of suites we do not open ourselves.

tshark never sees the capture: it gets a small file of our own, with one record in each packet, in order and without
a hole, every connection between addresses of its own, and the keys in front.  So neither lost or repeated segments,
nor port numbers, STARTTLS, link layers, nor the names and formats of files can come between; a record is decrypted
or it is not, and the number of its packet says which it was.
"""

from __future__ import annotations

import os
import resource
import shutil
import struct
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from testbed.errors import UsageError
from testbed.pcap.write import LINKTYPE_RAW, BlockWriter
from testbed.protocols.text import printable
from testbed.protocols.tls import ALERT, APPLICATION_DATA, Plaintext

_TIME_LIMIT = 120.0  # seconds
_MOST_OUTPUT = 2 << 30  # octets; hexadecimal of the records, and a little more
_MOST_MEMORY = 8 << 30
_CLIENT_PORT, _SERVER_PORT = 50_000, 4_433
_SERVER = bytes((11, 0, 0, 1))
_FIELDS = (
    "frame.number",
    "tls.record.opaque_type",
    "tls.record.content_type",
    "tls.alert_message.level",
    "tls.alert_message.desc",
    "data.data",
)
_OPTIONS = (
    ("-o", "tcp.analyze_sequence_numbers:FALSE"),
    ("-d", f"tcp.port=={_SERVER_PORT},tls"),
    ("-d", f"tls.port=={_SERVER_PORT},data"),
    ("-T", "fields"),
    ("-E", "occurrence=a"),
    ("-E", "aggregator=,"),
)
# Whatever could claim the plain text, by ALPN or by its look, before the plain "data" we asked for.
_UNWANTED = (
    "5gli aim coap credssp dns fix ftp h225 http http2 http3 imap irc jabber ldap managesieve mq mqtt nntp pgsql pop "
    "rdpmt sip smtp tpkt websocket xmpp"
)


class Sealed(Struct, frozen=True):
    """A whole TLS record, header included.  Connections are numbered from 0; side 0 is the client."""

    connection: int
    side: int
    octets: bytes


def installed() -> bool:
    """Whether there is a tshark."""
    return shutil.which("tshark") is not None


def open_records(records: Iterable[Sealed], keys: bytes) -> Iterator[tuple[int, Plaintext]]:
    """What was in TLS records, with the number (from 0) of the record; of handshake messages nothing.

    The records of a connection must be in order and begin with its ClientHello; ``keys`` is a key log.  What no key
    opens is left out.  Raises UsageError when tshark is missing, fails, or takes more than two minutes.
    """
    program = shutil.which("tshark")
    if program is None:
        raise UsageError("to decrypt TLS, install tshark: 'testbed doctor' says how")
    with TemporaryDirectory(prefix="testbed-tls-") as folder:
        room = Path(folder)
        with (room / "records.pcapng").open("wb") as file:
            _write(BlockWriter(file, application="testbed"), records, keys)
        (room / "config").mkdir()
        (room / "config" / "disabled_protos").write_text(_UNWANTED.replace(" ", "\n") + "\n")
        _run(program, room)
        with (room / "answer").open("rb") as answer:
            for line in answer:
                found = _opened(line)
                if found is not None:
                    yield found


def _write(out: BlockWriter, records: Iterable[Sealed], keys: bytes) -> None:
    out.secrets(keys)
    out.interface(LINKTYPE_RAW, "")
    sent: dict[tuple[int, int], int] = {}  # octets, by connection and side
    for number, record in enumerate(records):
        mine, peer = (record.connection, record.side), (record.connection, 1 - record.side)
        packet = _packet(record, sent.get(mine, 0), sent.get(peer, 0))
        sent[mine] = sent.get(mine, 0) + len(record.octets)
        out.packet(0, number, packet, len(packet))


def _packet(record: Sealed, sequence: int, acknowledgement: int) -> bytes:
    """A record in one TCP segment over IPv4."""
    client = struct.pack(">I", 0x0C000000 + record.connection)
    ends, ports = (client, _SERVER), (_CLIENT_PORT, _SERVER_PORT)
    if record.side:
        ends, ports = ends[::-1], ports[::-1]
    tcp = struct.pack(">HHIIBBHHH", *ports, sequence + 1, acknowledgement + 1, 0x50, 0x18, 0xFFFF, 0, 0)
    head = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(record.octets), 0, 0, 64, 6, 0)
    return b"".join((head, *ends, tcp, record.octets))


def _run(program: str, room: Path) -> None:
    """Let tshark read the records, with no preferences or plug-ins of the user's."""
    fields = [word for name in _FIELDS for word in ("-e", name)]
    options = [word for pair in _OPTIONS for word in pair]
    private = {name: str(room / "config") for name in ("WIRESHARK_CONFIG_DIR", "WIRESHARK_PLUGIN_DIR", "HOME")}
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TMPDIR": str(room), **private}
    with (room / "answer").open("wb") as answer, (room / "complaint").open("wb") as complaint:
        process = subprocess.Popen(
            [program, "-n", "-r", "records.pcapng", *options, *fields],
            cwd=room,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=answer,
            stderr=complaint,
            start_new_session=True,
        )
        try:
            with suppress(OSError):  # it may be over already
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (_MOST_OUTPUT, _MOST_OUTPUT))
                resource.prlimit(process.pid, resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
            status = process.wait(_TIME_LIMIT)
        except subprocess.TimeoutExpired:
            raise UsageError(f"tshark did not decrypt the capture within {_TIME_LIMIT:.0f} seconds") from None
        finally:
            process.kill()
            process.wait()
    if status:
        said = (room / "complaint").read_bytes()[-2_000:].decode("utf-8", "replace").strip().splitlines()
        reason = printable(said[-1]) if said else f"exit status {status}"
        raise UsageError(f"tshark cannot decrypt TLS: {reason}; testbed needs version 3.0 or later")


def _opened(line: bytes) -> tuple[int, Plaintext] | None:
    """What one line of tshark's answer tells of one record.  Only an opened one has both of the types of TLS 1.3."""
    cells = line.rstrip(b"\n").split(b"\t")
    if len(cells) != len(_FIELDS) or not cells[0].isdigit():
        return None
    record = int(cells[0]) - 1
    outer, kind, level, code = (cell.partition(b",")[0] for cell in cells[1:-1])
    data = cells[-1].replace(b",", b"").decode("ascii")
    if data:
        return record, Plaintext(APPLICATION_DATA, bytes.fromhex(data))
    if code:
        return record, Plaintext(ALERT, bytes((int(level or b"2") & 0xFF, int(code) & 0xFF)))
    if not outer or not kind:
        return None
    return record, Plaintext(int(kind), b"")
