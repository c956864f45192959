"""How people read their mail: by POP3, by IMAP, or in a browser, as the step ``read`` does it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from msgspec import Struct

from testbed.durations import SECOND
from testbed.protocols.address import domain_of
from testbed.reproduce.draft import Data, Draft, Part
from testbed.reproduce.names import Names
from testbed.reproduce.parties import Cast, Party, is_reading
from testbed.reproduce.runs import runs
from testbed.reproduce.spans import rounded, written
from testbed.reproduce.visits import Visit
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Closure, Connection
from testbed.trace.model.exchange import Exchange

_STAY_NS = 2 * SECOND
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_WRONG = ("AUTH", "wrong", "password", "denied", "failed", "credential", "invalid")
_DEFAULT_FOLDERS = frozenset({"INBOX", "inbox"})
_POP3 = ("connect", "CAPA", "STLS", "USER", "PASS", "STAT", "LIST", "UIDL", "RETR", "TOP", "DELE", "RSET", "QUIT")
_IMAP = (
    *("connect", "CAPABILITY", "STARTTLS", "LOGIN", "AUTHENTICATE", "SELECT", "EXAMINE", "LIST", "STATUS", "APPEND"),
    *("SEARCH", "FETCH", "STORE", "COPY", "MOVE", "EXPUNGE", "CLOSE", "IDLE", "NOOP", "LOGOUT"),
)
_STAGES = {"POP3": _POP3, "IMAP": _IMAP}


class Session(Struct, frozen=True):
    """One connection of somebody who reads; times count from the capture's beginning."""

    connection: Connection
    client: Party
    server: Party
    start_ns: int
    protocol: str  # POP3 or IMAP

    @property
    def said(self) -> list[Exchange]:
        """Commands with what was answered."""
        return [e for e in self.connection.exchanges if e.command is not None]


def sessions(analysis: Analysis, cast: Cast) -> list[Session]:
    """All of them, in order of time."""
    return [
        Session(
            one,
            cast.client(one),
            cast.server(one),
            one.start_ns - analysis.start_ns,
            "IMAP" if one.service.startswith("imap") else "POP3",
        )
        for one in analysis.connections
        if is_reading(one)
    ]


def reading(draft: Draft, analysis: Analysis, cast: Cast, visits: Sequence[Visit]) -> None:
    """Add who reads, what, and what his server did otherwise than it should."""
    found = sessions(analysis, cast)
    browsed = list(_browsers(analysis, cast))
    webmails = {server.name for _, server, _ in browsed}
    for session in found:
        if session.client.name not in webmails:
            _read(draft, session, cast.names)
    owners = [(s, _mailbox(s, cast.names)) for s in found if s.client.name in webmails]
    for connection, server, client in browsed:
        mailbox = next((box for s, box in owners if s.client is server), "bob@someschool.edu")
        data: Data = {"mailbox": mailbox, "via": "web"}
        if connection.server.port == 443:
            data["tls"] = "implicit"
        _reader(draft, client, mailbox)
        host = next((s.server.name for s, _ in owners if s.client is server), "")
        spec = draft.host(server.name)
        spec.clear()
        spec.update({"role": "webmail", "server": host or "someschool.edu"})
        at_ns = connection.start_ns - analysis.start_ns
        draft.steps.append(Part({"read": data}, (connection.first_frame,), at_ns))
    _mail_there(draft, [s for s in found if s.client.name not in webmails], cast, visits)
    draft.faults += _faults([s for s in found if s.client.name not in webmails])


def _browsers(analysis: Analysis, cast: Cast) -> Iterator[tuple[Connection, Party, Party]]:
    """Visits to a web mail: to a host that reads by IMAP itself, a page asked for behind a login."""
    readers = {cast.key(c.client) for c in analysis.connections if is_reading(c)}
    for connection in analysis.connections:
        if connection.service in ("http", "https") and cast.key(connection.server) in readers:
            yield connection, cast.server(connection), cast.client(connection)


def _words(text: str) -> list[str]:
    return [quoted or bare for quoted, bare in _QUOTED.findall(text)]


def _argument(session: Session, *verbs: str) -> list[str]:
    """The words behind the first of these commands."""
    for exchange in session.said:
        if exchange.command is not None and exchange.command.verb.removeprefix("UID ") in verbs:
            return _words(exchange.command.argument)
    return []


def _user(session: Session) -> str:
    return next(iter(_argument(session, "USER", "LOGIN", "APOP")), "")


def _mailbox(session: Session, names: Names) -> str:
    user = _user(session)
    if "@" in user:
        return names.address(user)
    return f"{names.person(user) if user else 'bob'}@{session.server.domain}"


def _refused(session: Session) -> bool:
    return any(
        e.command is not None
        and e.command.verb in ("PASS", "LOGIN", "AUTHENTICATE", "AUTH", "APOP")
        and e.reply is not None
        and e.reply.code in ("-ERR", "NO")
        and any(word.lower() in e.reply.text.lower() for word in _WRONG)
        for e in session.said
    )


def _read(draft: Draft, session: Session, names: Names) -> None:
    mailbox = _mailbox(session, names)
    data: Data = {"mailbox": mailbox}
    user = _user(session)
    if session.protocol == "IMAP":
        data["via"] = "imap"
    if user and "@" not in user:
        data["user"] = names.person(user)
    if _refused(session):
        data["password"] = "wrong"
    tls = session.connection.tls
    if tls is not None or session.connection.server.port in (993, 995):
        data["tls"] = "implicit" if tls is None or tls.implicit else "starttls"
        draft.host(session.server.name)["starttls"] = True
    data.update(_deeds(session, draft, names))
    _reader(draft, session.client, mailbox)
    _box(draft, session.server, mailbox)
    draft.steps.append(Part({"read": data}, (session.connection.first_frame,), session.start_ns))


def _deeds(session: Session, draft: Draft, names: Names) -> Data:
    told: Data = {}
    verbs = [e.command.verb.removeprefix("UID ") for e in session.said if e.command is not None]
    stored = " ".join(_argument(session, "STORE")).lower()
    if "DELE" in verbs or "\\deleted" in stored:
        told["delete"] = True
    goodbye = "QUIT" in verbs or "LOGOUT" in verbs
    if not goodbye and session.connection.ending.by == "client" and session.said[-1:] and session.said[-1].reply:
        told["quit"] = False
    if (stay := _stay(session)) >= _STAY_NS and "quit" not in told:
        told["stay"] = written(rounded(stay))
    if session.protocol == "IMAP":
        folder = next(iter(_argument(session, "SELECT", "EXAMINE")), "INBOX")
        wanted = {"folder": folder if folder not in _DEFAULT_FOLDERS else ""}
        wanted["move"] = next(iter(_argument(session, "MOVE")[1:]), "")
        wanted["copy"] = next(iter(_argument(session, "COPY")[1:]), "")
        search = _argument(session, "SEARCH")
        wanted["search"] = search[1] if len(search) > 1 and search[0].upper() == "SUBJECT" else ""
        told.update({key: word for key, word in wanted.items() if word})
        for word in ("folder", "move", "copy"):
            if name := wanted[word]:
                _folder(draft, session.server, _mailbox(session, names), name)
        for exchange in session.said:
            if exchange.command is not None and exchange.command.verb == "APPEND":
                size = re.search(r"\{(\d+)", exchange.command.argument)
                told["append"] = max(1, int(size[1]) if size else exchange.command.octets)
    return told


def _stay(session: Session) -> int:
    """How long somebody stayed who had nothing more to do: in IDLE, or before his goodbye."""
    said = session.said
    idle = [e for e in said if e.command is not None and e.command.verb == "IDLE"]
    end_ns = session.connection.end_ns
    if idle and idle[0].command is not None:
        later = [e.command.time_ns for e in said if e.command is not None and e.command.verb == "LOGOUT"]
        return max([*later, end_ns if not later else 0]) - idle[0].command.time_ns
    for before, after in pairwise(said):
        if after.command is not None and after.command.verb in ("QUIT", "LOGOUT") and before.reply is not None:
            return after.command.time_ns - before.reply.end_ns
    replies = [e.reply.end_ns for e in said if e.reply is not None]
    by_server = session.connection.ending.by == "server" and not any(
        e.command is not None and e.command.verb in ("QUIT", "LOGOUT") for e in said
    )
    if by_server and replies and said[-1].reply is not None:
        return end_ns - max(replies) + 60 * SECOND
    return 0


def _reader(draft: Draft, client: Party, mailbox: str) -> None:
    """The owner's user agent, which is there without being said by its own name."""
    local, _, domain = mailbox.rpartition("@")
    client.address = client.address or mailbox
    if client.name != f"{local}.{domain}".lower() and client.role == "user-agent":
        draft.host(client.name).update({"role": "user-agent", "address": mailbox})


def _box(draft: Draft, server: Party, mailbox: str) -> None:
    if domain_of(mailbox) != server.domain:
        return
    boxes = draft.host(server.name).setdefault("mailboxes", [])
    local = mailbox.rpartition("@")[0]
    if isinstance(boxes, list) and local not in boxes:
        boxes.append(local)
    elif isinstance(boxes, dict):
        boxes.setdefault(local, {})


def _folder(draft: Draft, server: Party, mailbox: str, name: str) -> None:
    _box(draft, server, mailbox)
    host, local = draft.host(server.name), mailbox.rpartition("@")[0]
    boxes = host["mailboxes"]
    if isinstance(boxes, list):
        boxes = {user: {} for user in boxes}
        host["mailboxes"] = boxes
    assert isinstance(boxes, dict)
    box = dict(boxes.get(local) or {})
    folders = box.get("folders", [])
    if name not in folders:
        box["folders"] = [*folders, name]
    boxes[local] = box


def _mail_there(draft: Draft, found: Sequence[Session], cast: Cast, visits: Sequence[Visit]) -> None:
    """Messages that lay in a mailbox and that nobody is seen to bring."""
    brought: Counter[str] = Counter()
    for visit in visits:
        for transaction in visit.connection.transactions:
            for to in transaction.recipients:
                if to.accepted:
                    brought[cast.names.address(to.address)] += 1
    read: dict[str, int] = defaultdict(int)
    for session in found:
        fetched = {
            " ".join(_words(e.command.argument)[:1])
            for e in session.said
            if e.command is not None and e.command.verb.removeprefix("UID ") in ("RETR", "TOP", "FETCH")
        }
        mailbox = _mailbox(session, cast.names)
        read[mailbox] = max(read[mailbox], len(fetched))
    for mailbox, number in read.items():
        missing = number - brought[mailbox] if not brought[mailbox] else 0
        for _ in range(min(missing, 50)):
            step: Data = {"from": "alice@crepes.fr", "to": mailbox}
            draft.steps.append(Part({"send": step}, (), 0))
        if missing > 0:
            draft.assumed.append(f"how mail for {mailbox} came, which is read")


def _faults(found: Sequence[Session]) -> Iterator[Part]:
    rows: dict[tuple[str, str], list[tuple[str, tuple[int, ...], int]]] = defaultdict(list)
    for session in found:
        said = session.said
        for place, exchange in enumerate(said):
            assert exchange.command is not None
            stage = exchange.command.verb.removeprefix("UID ")
            if stage in _STAGES[session.protocol]:
                deed = _deed(session, exchange, last=place == len(said) - 1)
                key = session.server.name, f"{session.protocol} {stage}"
                rows[key].append((deed, exchange.frames, session.start_ns))
    for (server, stage), events in rows.items():
        for run in runs(events, lambda event: event[0]):
            if run.value:
                data: Data = {"at": server, "on": stage, "then": run.value, **run.when}
                frames = tuple(frame for event in run.events for frame in event[1])
                yield Part(data, frames, run.events[0][2])


def _deed(session: Session, exchange: Exchange, *, last: bool) -> str:
    """What a server did in place of an answer."""
    ending = session.connection.ending
    if exchange.reply is not None or not last or exchange.unseen:
        return ""
    if ending.by == "server":
        return "reset" if ending.closure is Closure.RESET else "close"
    return "stall"
