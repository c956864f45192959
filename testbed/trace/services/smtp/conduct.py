"""Whether both sides of an SMTP session keep to the rules (RFC 5321, 2920, 3207, 6531): remarks where they do not.

Rules about the order of commands and replies are judged only while nothing is missing from the capture.
"""

from __future__ import annotations

from testbed.protocols.refusals import ends_idleness
from testbed.protocols.smtp import BEGINS_TLS, COMMANDS, HELLOS
from testbed.protocols.status import classes_differ
from testbed.protocols.text import decoded
from testbed.trace.model.exchange import Command, Reply
from testbed.trace.model.remark import Remarks
from testbed.trace.services.lines import Line
from testbed.trace.services.smtp.message import has_bare_return
from testbed.trace.services.smtp.replies import ReplyPart
from testbed.trace.services.smtp.transactions import ENDS_TRANSACTION

_MAX_COMMAND = 512  # RFC 5321 §4.5.3.1.4
_MAX_EXTENDED = 1_536  # what extensions add to MAIL and RCPT (RFC 1870, 3461, 4954, 6152, 6531), rounded up
_MANY_LINES = 100  # more than any reply has
_MAX_AUTH = 12_288  # RFC 4954 §4
# Replies that answer these commands and no other.
_ANSWERS = {"354": ("DATA",), "334": ("AUTH",), "235": ("AUTH",), "220": ("connect", "XCLIENT", *BEGINS_TLS)}
_CONTROLS = bytes(set(range(0x20)) - {0x09, 0x0A, 0x0D} | {0x7F})


class Conduct:
    """Looks on while commands and replies go by."""

    def __init__(self, remarks: Remarks) -> None:
        self._remarks = remarks
        self.reset()
        self._certain = True
        self._dot: tuple[int, ...] = ()  # where the last message ended

    def reset(self) -> None:
        """The session begins anew, as it does behind STARTTLS (RFC 3207 §4.2)."""
        self._extensions: frozenset[str] = frozenset()
        self._mail = False
        self._open = False  # a MAIL was taken, and its transaction has not ended
        self._utf8 = False
        self._recipients = 0
        self._kept_chunk = False  # the last reply to a command refused a chunk
        self._left = (False, 0)  # what RSET or EHLO put an end to, unless they are refused

    def missed(self) -> None:
        """Something is missing from the capture: what follows says nothing about order."""
        self._certain = False

    def command(self, command: Command, line: Line, waiting: Command | None) -> None:
        """A command; ``waiting`` is the oldest one still without reply."""
        raw = line.raw
        if _is_garbage(command.verb, raw):
            self._remarks.note("client-garbage", line.frames, decoded(raw[:40]))
            return
        self._judge_line(command, line)
        if command.verb not in COMMANDS and line.frames[:1] == self._dot:
            self._remarks.note("dot-not-doubled", line.frames, decoded(line.content[:40]))
        if self._certain:
            self._judge_order(command, waiting)
        if command.verb == "MAIL":
            if self._open and self._certain:
                self._remarks.note("nested-mail", command.frames)
            self._mail, self._recipients = True, self._recipients if self._open else 0
            self._utf8 = "SMTPUTF8" in command.argument.upper().split()
        elif command.verb == "RCPT":
            self._recipients += 1
        elif command.verb in ENDS_TRANSACTION:
            self._left, self._mail, self._recipients = (self._mail, self._recipients), False, 0
            self._open = False
        if not raw.isascii() and not (self._utf8 or "SMTPUTF8" in command.argument.upper().split()):
            self._remarks.note("eight-bit-command", line.frames, command.verb)

    def message_ended(self, command: Command) -> None:
        """The client has sent a whole message."""
        self._dot = command.frames[-1:]
        self._mail, self._open, self._recipients = False, False, 0

    def reply(
        self, command: Command | None, parts: list[ReplyPart], reply: Reply, *, amid_message: bool = False
    ) -> None:
        """A reply and the command it came for, None when there is none; a message may be refused before its end."""
        if not reply.whole:
            return  # nobody knows what it would have said
        if command is not None and command.verb in ENDS_TRANSACTION and reply.code[:1] in ("4", "5"):
            self._mail, self._recipients = self._mail or self._left[0], self._recipients + self._left[1]
        if command is not None:
            self._kept_chunk = command.verb == "BDAT" and reply.code[:1] in ("4", "5")
        if command is not None and command.verb == "MAIL":
            self._open = self._open or reply.code == "250"
        codes = {parsed.code for parsed, _ in parts}
        if "" in codes:
            line = next(line for parsed, line in parts if not parsed.code)
            self._remarks.note("reply-not-smtp", line.frames, decoded(line.content[:60]))
        elif len(codes) > 1:
            self._remarks.note("reply-codes-differ", reply.frames, ", ".join(parsed.code for parsed, _ in parts[:10]))
        elif self._certain and not (amid_message and command is None and reply.code[:1] in ("4", "5")):
            self._judge_answer(command, reply)
        old_too_many = reply.status == "552 4.5.3"  # RFC 5321 §4.5.3.1.10 counts it as temporary
        if classes_differ(reply.code, reply.enhanced) and not old_too_many:
            self._remarks.note("status-class-differs", reply.frames, reply.status)
        if command is not None and command.verb in HELLOS and reply.code == "250":
            self._extensions = frozenset(parsed.text.partition(" ")[0].upper() for parsed, _ in parts[1:])

    def broke_off(self, parts: list[ReplyPart]) -> None:
        """The connection ended before a reply did."""
        if len(parts) >= _MANY_LINES:
            frames = tuple(dict.fromkeys(frame for _, line in parts for frame in line.frames))
            self._remarks.note("reply-endless", frames, f"{len(parts)} or more lines, such as: {parts[0][0].text}")

    def _judge_line(self, command: Command, line: Line) -> None:
        raw = line.raw
        if raw.endswith(b"\n") and not raw.endswith(b"\r\n"):
            self._remarks.note("bare-line-feed", line.frames, command.verb)
        if has_bare_return(raw):
            self._remarks.note("bare-carriage-return", line.frames, command.verb)
        most = _MAX_AUTH if command.verb == "AUTH" else _MAX_COMMAND
        if command.verb in ("MAIL", "RCPT") and self._extensions:
            most = _MAX_EXTENDED
        if line.octets > most:
            self._remarks.note("command-too-long", line.frames, f"{command.verb} of {line.octets} octets")

    def _judge_order(self, command: Command, waiting: Command | None) -> None:
        if waiting is not None and waiting.verb == "connect":
            self._remarks.note("command-before-greeting", command.frames, command.verb)
        elif waiting is not None and "PIPELINING" not in self._extensions:
            detail = f"{command.verb} before the reply to {waiting.verb}"
            self._remarks.note("pipelining-not-offered", command.frames, detail)
        if command.verb == "RCPT" and not self._mail:
            self._remarks.note("rcpt-before-mail", command.frames)

    def _judge_answer(self, command: Command | None, reply: Reply) -> None:
        if command is None and self._kept_chunk and reply.code != "421":
            self._remarks.note("chunk-obeyed", reply.frames, f"{reply.status} {reply.text}".strip())
            return
        if command is None:
            if reply.code != "421" and not ends_idleness(reply.code, reply.enhanced, reply.text):
                self._remarks.note("reply-out-of-sequence", reply.frames, f"{reply.code} to nothing")
            return
        allowed = _ANSWERS.get(reply.code)
        if allowed is None and command.verb in ("DATA", "connect") and reply.code.startswith("2"):
            allowed = ()  # a greeting is 220, and DATA is answered 354 first
        if allowed is not None and command.verb not in allowed:
            self._remarks.note("reply-out-of-sequence", reply.frames, f"{reply.code} to {command.verb}")
        elif reply.code == "354" and not self._recipients:
            self._remarks.note("data-without-rcpt", (*command.frames, *reply.frames))


def _is_garbage(verb: str, raw: bytes) -> bool:
    """Octets no client writes: controls, or text that is neither ASCII nor begins with a command."""
    return raw.translate(None, _CONTROLS) != raw or (verb not in COMMANDS and not raw.isascii())
