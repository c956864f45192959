"""The SMTP dialogue of a whole batch as tokens: what :mod:`testbed.trace.services.smtp` hears, without the words.

Two connections with the same tokens in the same order are understood alike.  A flow in which anything is out of the
ordinary - lines split over packets, a message that looks as if it held another end, AUTH in several steps, BDAT - is
left to the exact code.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from testbed.pcap.records import distinct, gather, row_keys
from testbed.protocols.refusals import cause_of
from testbed.protocols.smtp import parse_reply_line
from testbed.protocols.status import split_enhanced
from testbed.trace.glance.batch import Batch, Bools, Ints
from testbed.trace.glance.lines import Lines, Octets, plain_edges, plain_text, read_lines, terminated

_HEAD = 16  # octets of a reply line that tell its kind
_MAX_LINE = 510
_TLS_HEAD = 11  # octets of a TLS record and its first message up to the version
_TLS_CHANGE, _TLS_ALERT, _TLS_HANDSHAKE, _TLS_DATA = 0x14, 0x15, 0x16, 0x17
_TLS_CHANGE_OCTETS, _TLS_SHORT = 6, 40  # a ChangeCipherSpec record; no Finished of TLS 1.3 is as short
# Commands whose length is fixed, and those that have an argument; anything else is left to the exact code.
_BARE = {b"DATA": 6, b"QUIT": 6, b"RSET": 6, b"STARTTLS": 10}
_WITH_ARGUMENT = {b"EHLO": b"", b"HELO": b"", b"MAIL": b" FROM:<", b"RCPT": b" TO:<"}
_KEYWORDS = ("PIPELINING", "STARTTLS", "SMTPUTF8", "CHUNKING", "8BITMIME", "AUTH", "SIZE", "DSN")


class Tokens:
    """Numbers for words, the same in every batch; the number of a word that is odd is -1."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._heads = {name: _Heads(width) for name, width in (("reply", _HEAD), ("command", 16), ("tls", 16))}

    def number(self, word: str) -> int:
        """The number of a word."""
        return self._numbers.setdefault(word, len(self._numbers))

    def of_heads(self, heads: Octets, name: str) -> Ints:
        """The numbers of reply lines or commands by their first 16 octets; each distinct head is parsed once."""
        known, parse = self._heads[name], _WORDS[name]
        index, missing = known.find(heads)
        if len(missing):
            new, _ = distinct(heads[missing])
            words = [parse(row.tobytes()) for row in new]
            known.learn(new, [-1 if word is None else self.number(f"{name} {word}") for word in words])
            index, missing = known.find(heads)
        return known.number[index]

    def of_refusal(self, token: int, line: bytes) -> int:
        """The number of a reply line that refuses, by its number so far and its cause."""
        parsed = parse_reply_line(line.rstrip(b"\r\n"))
        if parsed is None or not parsed.last:
            return -1
        enhanced, text = split_enhanced(parsed.text)
        cause = cause_of(parsed.code, enhanced, text)
        return self.number(f"{token} {cause.name}") if cause is not None else token


class _Heads:
    """Lines' heads met before, sorted by key, with their numbers."""

    def __init__(self, width: int) -> None:
        self._rows = np.zeros((1, width), np.uint8)
        self._keys = row_keys(self._rows)
        self.number = np.full(1, -1, np.int64)

    def find(self, heads: Octets) -> tuple[Ints, Ints]:
        """Where each head stands, and which stand nowhere."""
        index = np.minimum(np.searchsorted(self._keys, row_keys(heads)), len(self._keys) - 1)
        same = (self._rows.view(np.uint64)[index] == heads.view(np.uint64)).all(axis=1)
        return index, np.flatnonzero(~same)

    def learn(self, heads: Octets, numbers: list[int]) -> None:
        """Adds heads."""
        rows, number = np.concatenate((self._rows, heads)), np.concatenate((self.number, numbers))
        keys = row_keys(rows)
        order = np.argsort(keys, kind="stable")
        self._rows, self._keys, self.number = rows[order], keys[order], number[order]


def _reply_word(head: bytes) -> str | None:
    parsed = parse_reply_line(head.rstrip(b"\0").rstrip(b"\r\n"))
    if parsed is None or parsed.code == "334":
        return None
    enhanced, _ = split_enhanced(parsed.text)
    first = parsed.text.split(" ")[0].upper()
    keyword = first if first in _KEYWORDS and parsed.code == "250" else ""
    return f"{parsed.code}{' ' if parsed.last else '-'}{enhanced} {keyword}"


def _command_word(head: bytes) -> str | None:
    """The verb of a command's head: 8 octets of the verb, the length of the line, and whether its argument fits."""
    verb, length, fits = head[:8].rstrip(b"\0"), int.from_bytes(head[8:10], "little"), head[10]
    if verb in _BARE:
        return verb.decode() if length == _BARE[verb] else None
    return verb.decode() if verb in _WITH_ARGUMENT and fits and length <= _MAX_LINE else None


def _tls_word(head: bytes) -> str | None:
    return head.hex()


_WORDS = {"reply": _reply_word, "command": _command_word, "tls": _tls_word}


@dataclass(frozen=True, slots=True)
class Said:
    """Tokens of the dialogue: in which row, in which place within it, and which token."""

    row: Ints
    place: Ints
    token: Ints


def listen(batch: Batch, spoken: Bools, fresh: Bools, data: Octets, tokens: Tokens) -> Said:
    """The dialogue of the flows where ``spoken`` (a row per flow); ``fresh`` are the packets with new octets."""
    at = np.flatnonzero(fresh & spoken[batch.flow])
    talk = _Talk(batch, at, data, tokens)
    talk.read_replies()
    talk.find_messages()
    talk.read_commands()
    talk.find_secrets()
    talk.check_pairs()
    return talk.said()


class _Talk:
    """Works on the packets with new octets of the SMTP flows; a column has a row for each of them."""

    def __init__(self, batch: Batch, at: Ints, data: Octets, tokens: Tokens) -> None:
        self._batch, self._at, self._data, self._tokens = batch, at, data, tokens
        self._flow, self._server = batch.flow[at], batch.server[at]
        self._start, self._length = batch.payload[at], batch.length[at]
        count = len(at)
        index = np.arange(count)
        opening = np.concatenate(([True], np.diff(self._flow) != 0))[:count]
        self._opening = np.maximum.accumulate(np.where(opening, index, 0)) if count else index
        self._last_token = np.full(count, -1, np.int64)  # of the packet's last command
        self._code = np.zeros(count, np.int64)  # of the packet's last reply line
        self._odd = np.zeros(count, np.bool_)
        self._message = np.zeros(count, np.bool_)
        self._secret = np.zeros(count, np.bool_)
        self._commands = np.zeros(count, np.int64)
        self._replies = np.zeros(count, np.int64)
        self._words: list[tuple[Ints, Ints, Ints]] = []

    def _before(self, wanted: Bools) -> Ints:
        """The last wanted packet of the flow before each, -1 for none."""
        last = np.maximum.accumulate(np.where(wanted, np.arange(len(wanted)), -1))
        last = np.concatenate(([-1], last[:-1])) if len(last) else last
        last[last < self._opening] = -1
        return last

    def read_replies(self) -> None:
        """Reply lines of the server's packets."""
        places = np.flatnonzero(self._server)
        lines, plain = read_lines(self._data, self._start[places], self._length[places])
        self._odd[places[~plain]] = True
        heads = gather(self._data, lines.start, _HEAD)
        heads[np.arange(_HEAD) >= lines.octets[:, None]] = 0
        token = self._tokens.of_heads(heads, "reply")
        final = heads[:, 3] != ord("-")
        self._tell_causes(lines, token, np.isin(heads[:, 0], (ord("4"), ord("5"))))
        self._take(places, lines.packet, token, final, self._replies)
        unfinished = np.zeros(len(places), np.bool_)
        unfinished[lines.packet] = ~final  # the packet's last line decides, being written last
        self._odd[places[unfinished]] = True
        digits = heads[:, :3].astype(np.int64) - ord("0")
        self._code[places[lines.packet]] = digits @ (100, 10, 1)

    def _tell_causes(self, lines: Lines, token: Ints, refusing: Bools) -> None:
        """Replies that refuse for another cause get another token; those of several lines are left to exact code."""
        for at in np.flatnonzero(refusing & (token >= 0)):
            start, octets = int(lines.start[at]), int(lines.octets[at])
            token[at] = self._tokens.of_refusal(int(token[at]), self._data[start : start + octets].tobytes())

    def _take(self, places: Ints, packet: Ints, token: Ints, counted: Bools, total: Ints) -> None:
        """Keeps tokens, packets of odd ones marked, and counts the lines that count for each packet."""
        self._odd[places[packet[token < 0]]] = True
        total += np.bincount(places[packet[counted]], minlength=len(total))
        order = np.arange(len(packet)) - np.searchsorted(packet, packet)
        self._words.append((places[packet], order, token))

    def find_messages(self) -> None:
        """Client packets after a server's 354 and before its next word are a message."""
        server = self._before(self._server)
        self._message = ~self._server & (server >= 0) & (self._code[server] == 354)
        following = np.append(self._server[1:], True)
        following[:-1] |= np.diff(self._flow) != 0
        places = np.flatnonzero(self._message)
        start, length, ending = self._start[places], self._length[places], following[places]
        plain = plain_text(self._data, start, length, ending)
        joined = np.flatnonzero(np.diff(places, prepend=-2) == 1)
        before = joined - 1
        plain[joined] &= (length[before] >= 4) & plain_edges(
            self._data, start[before], length[before], start[joined], np.where(ending, length, 0)[joined]
        )
        lone = np.ones(len(places), np.bool_)
        lone[joined] = False
        plain &= ~lone | (self._data[start] != ord(".")) if len(places) else plain
        last = np.flatnonzero(ending)
        earlier = np.maximum(last - 1, 0)
        done = terminated(self._data, start[last], length[last], start[earlier] + length[earlier] - 4)
        done &= ~lone[last] | (length[last] >= 4)
        final = np.append(np.diff(self._flow) != 0, True)[places[last]]  # nothing more is said
        plain[last] &= done | final
        self._odd[places[~plain]] = True
        self._commands[places[last[done]]] += 1
        self._keep_word(places[last[done]], "message")
        self._keep_word(places[last[~done]], "message cut off")

    def _keep_word(self, places: Ints, word: str) -> None:
        self._words.append((places, np.zeros(len(places), np.int64), np.full(len(places), self._tokens.number(word))))

    def read_commands(self) -> None:
        """Lines of the client's packets outside messages."""
        places = np.flatnonzero(~self._server & ~self._message)
        lines, plain = read_lines(self._data, self._start[places], self._length[places])
        self._odd[places[~plain]] = True
        heads = gather(self._data, lines.start, _HEAD)
        heads[np.arange(_HEAD) >= lines.octets[:, None]] = 0
        upper = heads & 0xDF
        letters = np.logical_and.accumulate((upper >= ord("A")) & (upper <= ord("Z")), axis=1)
        verb = np.zeros((len(heads), _HEAD), np.uint8)
        verb[:, :8] = np.where(letters & ~letters[:, 8:9], upper, 0)[:, :8]
        verb[:, 8], verb[:, 9] = lines.octets & 255, lines.octets >> 8
        verb[:, 10] = _argument_fits(heads, verb)
        bare = np.isin(lines.octets, list(set(_BARE.values())))
        verb[~bare & (lines.octets <= _MAX_LINE), 8:10] = 0  # lengths matter only where they are fixed, or too long
        token = self._tokens.of_heads(verb, "command")
        self._take(places, lines.packet, token, np.ones(len(token), np.bool_), self._commands)
        self._last_token[places[lines.packet]] = token

    def find_secrets(self) -> None:
        """After a 220 to STARTTLS, everything is a secret; only how TLS begins is looked at."""
        client = self._before(~self._server & ~self._message)
        starttls = self._tokens.number("command STARTTLS")
        agreed = self._server & (client >= 0) & (self._last_token[client] == starttls) & (self._code == 220)
        agreed &= client == np.arange(len(client)) - 1
        self._secret = self._before(agreed) >= 0
        self._odd[self._secret] = False
        places = np.flatnonzero(self._secret)
        heads = gather(self._data, self._start[places], _HEAD)
        self._odd[places[(heads[:, 0] == _TLS_ALERT) & (heads[:, 4] == 2)]] = True  # one that is not encrypted
        self._leave_secret_alerts(places, heads)
        self._leave_other_beginnings(agreed, places, heads)
        hello = (heads[:, 0] == _TLS_HANDSHAKE) & (heads[:, 1] == 3) & (heads[:, 5] <= 2) & (self._length[places] > 43)
        places, heads = places[hello], heads[hello]
        heads[:, [3, 4, 6, 7, 8]] = 0  # lengths
        heads[:, _TLS_HEAD:] = 0
        self._words.append((places, np.zeros(len(places), np.int64), self._tokens.of_heads(heads, "tls")))

    def _leave_secret_alerts(self, places: Ints, heads: Octets) -> None:
        """A client whose first protected record is as short as an alert may have refused the certificate."""
        length = self._length[places]
        sealed = (heads[:, 0] == _TLS_DATA) | (heads[:, 0] == _TLS_CHANGE) & (length > _TLS_CHANGE_OCTETS)
        first = np.flatnonzero(sealed & ~self._server[places])
        _, where = np.unique(self._flow[places[first]], return_index=True)
        first = first[where]
        self._odd[places[first[length[first] < _TLS_SHORT]]] = True

    def _leave_other_beginnings(self, agreed: Bools, places: Ints, heads: Octets) -> None:
        """Behind STARTTLS a client may say nothing more, or go on in clear."""
        client = np.flatnonzero(~self._server[places])
        _, where = np.unique(self._flow[places[client]], return_index=True)
        first = client[where]
        tls = first[(heads[first, 0] >= _TLS_CHANGE) & (heads[first, 0] <= _TLS_DATA) & (heads[first, 1] == 3)]
        others = np.setdiff1d(self._flow[agreed], self._flow[places[tls]])
        self._odd[agreed & np.isin(self._flow, others)] = True

    def check_pairs(self) -> None:
        """A 354 must be the answer to a DATA that nothing follows, so that both agree on where the message begins."""
        commands = np.cumsum(self._commands)
        replies = np.cumsum(self._replies)
        if not len(commands):
            return
        opening = self._opening
        due = (
            commands
            - replies
            - (commands[opening] - self._commands[opening])
            + (replies[opening] - self._replies[opening])
        )
        client = self._before(~self._server)
        data = self._tokens.number("command DATA")
        agreed = (client >= 0) & (self._last_token[client] == data) & (due == -1)  # the greeting answers no command
        self._odd |= self._server & (self._code == 354) & ~agreed & ~self._secret
        self._batch.odd[self._flow[self._odd]] = True

    def said(self) -> Said:
        """All tokens, in order."""
        place, order, token = (np.concatenate(column) for column in zip(*self._words, strict=True))
        tls = np.arange(len(place)) >= len(place) - len(self._words[-1][0])
        keep = np.flatnonzero(tls | ~self._secret[place])
        place, order, token = place[keep], order[keep], token[keep]
        return Said(self._at[place], order, token)


def _argument_fits(heads: Octets, verb: Octets) -> Bools:
    """Whether MAIL and RCPT go on as they must; other verbs fit when they have an argument."""
    fits: Bools = heads[:, 4] == ord(" ")
    for word, needed in _WITH_ARGUMENT.items():
        if needed:
            mine = (verb[:, :4] == np.frombuffer(word, np.uint8)).all(axis=1) & (verb[:, 4] == 0)
            given = heads[:, 4 : 4 + len(needed)]
            upper = np.where((given >= ord("a")) & (given <= ord("z")), given & 0xDF, given)
            fits &= ~mine | (upper == np.frombuffer(needed, np.uint8)).all(axis=1)
    return fits
