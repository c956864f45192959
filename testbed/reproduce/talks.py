"""Clients that say what they said in the capture, octet by octet: the step ``talk``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from testbed.durations import MINUTE, SECOND
from testbed.reproduce.draft import Data, Draft, Part
from testbed.reproduce.message_text import neutral_message
from testbed.reproduce.names import Names
from testbed.reproduce.parties import SUBMISSION
from testbed.reproduce.spans import rounded, written
from testbed.reproduce.streams import Turn, turns
from testbed.reproduce.visits import Visit
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Closure

_PAUSE_NS = 2 * SECOND
_LONGEST = 1_000  # octets of a turn that are written as lines
_MOST_OCTETS = 400_000  # of all talks of a scenario
_LAST = re.compile(rb"^[2-5]\d\d(?: |\r?$)")
_CREDENTIALS = re.compile(rb"(?im)^(AUTH[ \t]+\S+[ \t]+)(?!=\s*$)(\S+)")
_OUR_OWN = b"AGFsaWNlAGNvcnJlY3QtaG9yc2U="  # alice, correct-horse
_NAMED = {"\r\n": "<CRLF>", "\r": "<CR>", "\n": "<LF>", "\0": "<NUL>"}


def talks(draft: Draft, analysis: Analysis, visits: Sequence[Visit], names: Names) -> None:
    """Add a talk for each of these connections."""
    for visit in visits:
        said = list(_sayings(turns(analysis, visit.connection), visit, names))
        if not said:
            continue
        data: Data = {"from": visit.client.name, "to": visit.server.name}
        port = visit.connection.server.port
        service = visit.connection.service
        if service == "lmtp":
            data["service"] = "lmtp"
        if port != {"lmtp": 24}.get(service, 25):
            data["port"] = port
        tls = visit.connection.tls
        if tls is not None and tls.implicit and not tls.sealed:
            data["tls"] = "implicit"
        data["say"] = said
        draft.steps.append(Part({"talk": data}, visit.frames, visit.start_ns))


def _sayings(found: list[Turn], visit: Visit, names: Names) -> Iterator[object]:
    in_data = challenged = False
    last_ns = visit.start_ns
    message = 0
    for place, turn in enumerate(found):
        if not turn.by_client:
            last_ns, challenged = turn.end_ns, bytes(turn.octets).startswith(b"334")
            continue
        following = found[place + 1] if place + 1 < len(found) else None
        if turn.begins_tls and not (visit.connection.tls and visit.connection.tls.implicit):
            yield {"tls": "begin"}
        pause = turn.start_ns - last_ns
        if pause >= _PAUSE_NS and not (place and turn.begins_tls):
            yield {"wait": written(rounded(pause))}
        octets = _without_credentials(bytes(turn.octets), challenged=challenged)
        answers = _answers(following)
        body, rest = _body(octets) if in_data else (b"", octets)
        if body:
            message += 1
            yield from _message(body, names)
        lines = _lines(rest)
        if lines is not None and len(lines) == answers:
            told = [_line(line, names) for line in lines]
            yield told[0] if len(told) == 1 else told
        elif rest:
            yield from _octets(names.octets(rest))
            if following is not None:
                yield {"wait": written(max(SECOND, rounded(following.end_ns - turn.end_ns)))}
        in_data = following is not None and _invites(following)
        last_ns = turn.end_ns
    yield from _end(found, visit, last_ns)


def _answers(turn: Turn | None) -> int:
    """How many replies a server's turn is."""
    if turn is None or turn.missing:
        return 0
    return sum(bool(_LAST.match(line.rstrip(b"\r"))) for line in bytes(turn.octets).split(b"\n"))


def _invites(turn: Turn) -> bool:
    lines = [line for line in bytes(turn.octets).split(b"\n") if line]
    return bool(lines) and lines[-1].startswith(b"354")


def _body(octets: bytes) -> tuple[bytes, bytes]:
    """What of a client's turn belongs to a message, and what comes with its final dot."""
    if octets.startswith(b".\r\n"):
        return b"", octets
    end = octets.find(b"\r\n.\r\n")
    return (octets, b"") if end < 0 else (octets[: end + 2], octets[end + 2 :])


def _lines(octets: bytes) -> list[bytes] | None:
    """Lines, each with one CRLF; None for anything else."""
    if not octets.endswith(b"\r\n") or len(octets) > _LONGEST:
        return None
    lines = octets[:-2].split(b"\r\n")
    return None if any(b"\r" in line or b"\n" in line or b"\0" in line for line in lines) else lines


def _line(line: bytes, names: Names) -> str:
    return names.octets(line).decode("latin-1")


def _without_credentials(octets: bytes, *, challenged: bool) -> bytes:
    """What a client says, its passwords replaced: behind AUTH, and where a challenge asks for them (RFC 4954 §4)."""
    if challenged and octets.strip() != b"*":
        first, end, rest = octets.partition(b"\r\n")
        return _OUR_OWN + end + rest if first else octets
    return _CREDENTIALS.sub(rb"\1" + _OUR_OWN, octets)


def _message(octets: bytes, names: Names) -> Iterator[object]:
    for piece, times in neutral_message(octets, names):
        told = _written(piece)
        yield {"octets": told} if times == 1 else {"octets": told, "times": times}


def _octets(octets: bytes) -> Iterator[object]:
    yield {"octets": _written(octets[:_MOST_OCTETS])}


def _written(octets: bytes) -> str:
    return re.sub("\r\n|\r|\n|\0", lambda found: _NAMED[found[0]], octets.decode("latin-1"))


def _end(found: list[Turn], visit: Visit, last_ns: int) -> Iterator[object]:
    ending = visit.connection.ending
    spoke_last = bool(found) and found[-1].by_client
    silence = visit.end_ns - last_ns
    if ending.by == "client" and ending.closure is Closure.RESET:
        if silence >= _PAUSE_NS:
            yield {"wait": written(rounded(silence))}
        yield {"then": "reset"}
    elif ending.by == "client":
        if silence >= _PAUSE_NS and not _said_goodbye(visit):
            yield {"wait": written(rounded(min(silence, 30 * MINUTE)))}
        yield {"then": "close"}
    elif ending.by == "server":
        if silence >= _PAUSE_NS or spoke_last:
            yield {"wait": written(max(SECOND, rounded(silence)))}
        yield {"then": "close"}
    else:
        yield {"wait": written(max(MINUTE, rounded(silence)))}
        yield {"then": "close"}


def _said_goodbye(visit: Visit) -> bool:
    return any(e.command is not None and e.command.verb == "QUIT" and e.reply is not None for e in visit.exchanges)


def submits(visit: Visit) -> bool:
    """Whether it goes to a port for submission."""
    return visit.connection.server.port in SUBMISSION
