"""IMAP and ManageSieve (RFC 9051, RFC 5804): quoted strings and literals hold what identifies, atoms are words."""

from __future__ import annotations

import re

from testbed.redact.dialogues.dialogue import CLIENT, SERVER, Tools, divided

_ITEM = re.compile(rb"\"(?P<quoted>(?:[^\"\\]|\\.)*)\"?|(?P<literal>~?\{\d{1,18}\+?\})|[^\"{]+|\{", re.S)
_LITERAL = re.compile(rb"\{(\d{1,18})\+?\}\Z")
_COMMAND = re.compile(rb"([!-~]{1,16} (?:UID )?)([A-Za-z]{3,16})(.*)\Z", re.S | re.I)
_TAGGED = re.compile(rb"([!-~]{1,16} (?:OK|NO|BAD)\b|\* |\+)(.*)\Z", re.S | re.I)
_VERBS = frozenset(
    b"""CAPABILITY NOOP LOGOUT STARTTLS AUTHENTICATE LOGIN ENABLE SELECT EXAMINE CREATE DELETE RENAME SUBSCRIBE
    UNSUBSCRIBE LIST LSUB NAMESPACE STATUS APPEND IDLE CLOSE UNSELECT EXPUNGE SEARCH FETCH STORE COPY MOVE CHECK
    ID COMPRESS GETQUOTA GETQUOTAROOT SETQUOTA SORT THREAD GETACL SETACL DELETEACL LISTRIGHTS MYRIGHTS XLIST
    UNAUTHENTICATE NOTIFY REPLACE ESEARCH GETMETADATA SETMETADATA""".split()
)
_OF_FOLDERS = frozenset(
    b"""SELECT EXAMINE CREATE DELETE RENAME SUBSCRIBE UNSUBSCRIBE LIST LSUB STATUS APPEND COPY MOVE XLIST GETQUOTAROOT
    LOGIN GETACL SETACL DELETEACL LISTRIGHTS MYRIGHTS""".split()
)
_KEPT = frozenset(
    b"""inbox text plain html charset utf-8 us-ascii iso-8859-1 iso-8859-15 windows-1252 7bit 8bit binary base64
    quoted-printable multipart mixed alternative related report signed boundary name filename attachment inline
    image application octet-stream pdf png jpeg message rfc822 delivery-status format flowed delsp yes no nil en
    en-us sent drafts trash junk spam archive / .""".split()
)
_WORDS_OF_FOLDERS = re.compile(
    rb"(?i)(?<![\w.-])(?:INBOX|MESSAGES|RECENT|UIDNEXT|UIDVALIDITY|UNSEEN|DELETED|SIZE|RETURN|SPECIAL-USE|SUBSCRIBED|CHILDREN|HIGHESTMODSEQ|APPENDLIMIT|[\d:,*]+)(?![\w.-])"
)
_SECTION = re.compile(rb"(?:BODY|BINARY)(?:\.PEEK)?\[([^\]]*)\]|RFC822(?:\.(HEADER|TEXT))?\b(?!\.SIZE)", re.I)


class Imap:
    """A connection with an IMAP server."""

    def __init__(self, tools: Tools) -> None:
        self.corrections: list[tuple[int, bytes]] = []
        self._texts = tools.texts
        self._filler = tools.filler
        self._messages = (tools.message(), tools.message())
        self._left = [0, 0]  # octets of a literal that are still to come
        self._of_message = [False, False]
        self._goes_on = [False, False]  # a line goes on behind a literal
        self._names_only = [False, False]
        self._credentials = self._compressing = self._compressed = False

    def room(self, side: int) -> int | None:
        return self._left[side] or None

    def gap(self, side: int, octets: int) -> None:
        if octets >= self._left[side]:
            self._goes_on[side] = bool(self._left[side]) and octets == self._left[side]
        self._left[side] = max(0, self._left[side] - octets)

    def line(self, side: int, line: bytes) -> bytes:
        if self._compressed:
            return self._filler.octets(line)
        if self._left[side]:
            return self._literal(side, line)
        content, end = divided(line)
        new = self._spoken(side, content)
        self._after(side, content)
        return new + end

    def _literal(self, side: int, line: bytes) -> bytes:
        self._left[side] -= len(line)
        if self._of_message[side]:
            return self._messages[side].feed(line)
        return self._texts.names(line)

    def _spoken(self, side: int, content: bytes) -> bytes:
        if self._goes_on[side]:
            return self._items(content, names=self._names_only[side])
        return self._said(content) if side == CLIENT else self._answer(content)

    def _said(self, content: bytes) -> bytes:
        command = _COMMAND.match(content)
        if command is None or command[2].upper() not in _VERBS:
            if self._credentials or content.strip().upper() != b"DONE":
                return self._texts.base64(content)
            return content
        verb = command[2].upper()
        self._credentials = verb == b"AUTHENTICATE"
        self._compressing = verb == b"COMPRESS"
        self._names_only[CLIENT] = verb in _OF_FOLDERS
        if self._credentials:
            mechanism, blank, initial = command[3].lstrip().partition(b" ")
            begin = command[3][: len(command[3]) - len(command[3].lstrip())]
            return (
                command[1] + command[2] + begin + mechanism + blank + (self._texts.base64(initial) if initial else b"")
            )
        return command[1] + command[2] + self._items(command[3], names=verb in _OF_FOLDERS)

    def _answer(self, content: bytes) -> bytes:
        told = _TAGGED.match(content)
        if told is None:
            return self._messages[SERVER].feed(content)
        self._names_only[SERVER] = False
        if told[1] == b"+":
            challenge = told[2].strip()
            if b" " in challenge:
                return told[1] + self._items(told[2])
            return told[1] + self._texts.base64(challenge).rjust(len(told[2]))
        if told[1] != b"* ":
            self._credentials = False
            if self._compressing and told[1].upper().endswith(b"OK"):
                self._compressed = True
            self._compressing = False
        return told[1] + self._items(told[2])

    def _items(self, text: bytes, *, names: bool = False) -> bytes:
        return b"".join(self._item(found, names) for found in _ITEM.finditer(text))

    def _item(self, found: re.Match[bytes], names: bool) -> bytes:
        if found["literal"]:
            return found[0]
        quoted = found["quoted"]
        if quoted is None:
            return self._atoms(found[0]) if names else self._texts.sentence(found[0])
        if quoted.lower() in _KEPT or self._texts.is_date(quoted):
            return found[0]
        return found[0].replace(quoted, self._texts.names(quoted)) if quoted else found[0]

    def _atoms(self, text: bytes) -> bytes:
        parts, at = [], 0
        for found in _WORDS_OF_FOLDERS.finditer(text):
            parts += [self._texts.names(text[at : found.start()]), found[0]]
            at = found.end()
        return b"".join((*parts, self._texts.names(text[at:])))

    def _after(self, side: int, content: bytes) -> None:
        """Whether a literal follows, and what it holds."""
        literal = _LITERAL.search(content)
        self._goes_on[side] = literal is not None
        if literal is None:
            return
        self._left[side] = int(literal[1])
        section = self._section(side, content)
        self._of_message[side] = section is not None
        if section is not None:
            self._messages[side].restart()
            if section:
                self._messages[side].begin(headed=False)

    def _section(self, side: int, content: bytes) -> bytes | None:
        """``b""`` where the literal begins with a header, else what it is of; None where it is no message."""
        if side == CLIENT:
            upper = content.upper()
            return b"" if b" APPEND " in upper or b" REPLACE " in upper else None
        sections = _SECTION.findall(content)
        if not sections:
            return None
        section = (sections[-1][0] or sections[-1][1]).upper()
        return b"" if not section or b"HEADER" in section or section.endswith(b"MIME") else section


class ManageSieve(Imap):
    """A connection with a ManageSieve server."""

    def _said(self, content: bytes) -> bytes:
        verb, _, rest = content.partition(b" ")
        if verb.upper().strip(b'"') == b"AUTHENTICATE":
            items = [found[0] for found in _ITEM.finditer(rest)]
            return (
                verb
                + content[len(verb) : len(verb) + 1]
                + b"".join(items[:1] + [self._coded(item) for item in items[1:]])
            )
        if not re.fullmatch(rb"[A-Za-z]{2,20}", verb):
            return self._coded(content)
        return verb + content[len(verb) : len(verb) + 1] + self._items(rest)

    def _coded(self, item: bytes) -> bytes:
        if _LITERAL.search(item):
            return item
        inner = item.strip().strip(b'"')
        return item.replace(inner, self._texts.base64(inner)) if inner else item

    def _answer(self, content: bytes) -> bytes:
        return self._texts.sentence(content)

    def _section(self, side: int, content: bytes) -> bytes | None:
        return b"script" if b"SCRIPT" in content.upper() or side == SERVER else None
