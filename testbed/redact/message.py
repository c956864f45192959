"""The lines of a message: fields replaced by what they hold, bodies filled (RFC 5322, RFC 2045, RFC 2046).

A line is judged by itself wherever that is enough, for a capture may begin in the middle of a message, and what is the
header and what the body is just what may be in doubt.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from testbed.redact.filler import Filler
from testbed.redact.texts import Texts

_LINE = re.compile(rb"([^\r\n]*)([\r\n]*)")
_FIELD = re.compile(rb"([!-9;-~]+)([ \t]*:)(.*)\Z", re.S)
_DELIMITER = re.compile(rb"[!-~]{2,200}\Z")
_PARAMETER = re.compile(
    rb"(?P<before>[;\s]*)(?P<name>[A-Za-z0-9*_-]+)(?P<equals>[ \t]*=[ \t]*)(?P<value>\"(?:[^\"\\]|\\.)*\"?|[^;\s]+)"
)
_EXTENDED = re.compile(rb"([A-Za-z0-9_-]{0,40}'[A-Za-z-]{0,20}')(.*)\Z", re.S)
_TYPE = re.compile(rb"(?i)[ \t]*(?:text|image|audio|video|application|multipart|message|font|model)/[\w.+-]+")
_BASE64_LINE = re.compile(rb"[A-Za-z0-9+/]{60,}={0,2}\Z")
_ENCODINGS = {b"base64", b"quoted-printable"}

_SENTENCES = frozenset(
    b"""received date mime-version content-transfer-encoding auto-submitted precedence importance priority x-priority
    return-path authentication-results received-spf dkim-signature domainkey-signature arc-seal
    arc-message-signature arc-authentication-results action status diagnostic-code final-recipient
    original-recipient remote-mta reporting-mta received-from-mta dsn-gateway arrival-date last-attempt-date
    will-retry-until final-log-id original-envelope-id x-original-to delivered-to resent-date
    list-unsubscribe-post content-language tls-required feedback-type content-length lines x-spam-status
    x-spam-flag x-spam-level require-recipient-valid-since autosubmitted expires tls-report-domain
    tls-report-submitter disposition x-mailer user-agent auto-submitted""".split()
)
"""Fields whose words stay where they name nobody."""
_NAMES = frozenset(
    b"""from to cc bcc sender reply-to subject message-id in-reply-to references comments keywords resent-from resent-to
    resent-cc resent-bcc resent-sender resent-message-id resent-reply-to list-id list-post list-help
    list-unsubscribe list-subscribe list-owner list-archive errors-to content-id content-description
    content-location thread-topic thread-index disposition-notification-to organization x-originating-ip
    x-envelope-from x-envelope-to x-failed-recipients apparently-to bimi-selector""".split()
)
"""Fields of which every word is replaced."""
_MIME = frozenset((b"content-type", b"content-disposition"))
_KEPT_PARAMETERS = frozenset(
    (b"charset", b"format", b"delsp", b"type", b"report-type", b"protocol", b"micalg", b"size", b"smime-type")
)
_DISPOSITIONS = (b"attachment", b"inline", b"form-data")


class MessageLines:
    """One message after the other, a line at a time; :meth:`restart` where one begins.

    ``command`` gives what stands for a line that may be a command and no part of a message, None for any other.
    """

    def __init__(
        self, texts: Texts, filler: Filler, command: Callable[[bytes], bytes | None] = lambda text: None
    ) -> None:
        self._command = command
        self._texts = texts
        self._filler = filler
        self._boundaries: set[bytes] = set()
        self.begin(headed=False)

    def begin(self, *, headed: bool = True) -> None:
        """What comes next is a message, or the body of one."""
        self.in_header = headed
        self.fresh = True  # nothing of it has come
        self._rule = b""  # the field that may go on in the next line
        self._encoding = b""
        self._inner = False  # the part is a message itself
        self._phase = 0

    def restart(self) -> None:
        """Another message begins, with delimiters of its own."""
        self._boundaries.clear()
        self.begin()

    def feed(self, line: bytes) -> bytes:
        """The next line with its end; bare CRs and LFs end lines too."""
        self.fresh = False
        return b"".join(self._line(part[1]) + part[2] for part in _LINE.finditer(line) if part[0])

    def _line(self, text: bytes) -> bytes:
        if not text or text == b".":
            self._blank(end=bool(text))
            return text
        if text[:2] == b"--" and self._delimits(text):
            self.begin(headed=not text.rstrip().endswith(b"--"))
            return self._texts.names(text)
        if text[:1] in b" \t" and self._rule:
            return self._value(self._rule, text)
        command = self._command(text)
        if command is not None:
            return command
        field = _FIELD.match(text)
        if field is not None:
            name = field[1].lower()
            if self.in_header or name in _SENTENCES or name in _NAMES or name in _MIME:
                self._rule = name
                value = self._value(name, field[3])
                return self._field_name(field[1]) + field[2] + value
        self._rule = b""
        return self._body(text)

    def _delimits(self, text: bytes) -> bool:
        told = text[2:].rstrip()
        return told in self._boundaries or told[:-2] in self._boundaries or _DELIMITER.match(told) is not None

    def _blank(self, *, end: bool) -> None:
        if end:
            self.begin(headed=False)
        elif self.in_header:
            self.in_header, self._inner = self._inner, False
        self._rule = b""

    def _field_name(self, name: bytes) -> bytes:
        small = name.lower()
        return name if small in _SENTENCES or small in _NAMES or small in _MIME else self._texts.sentence(name)

    def _value(self, name: bytes, value: bytes) -> bytes:
        if name in _MIME:
            self._inner = self._inner or b"message/rfc822" in value.lower() or b"message/global" in value.lower()
            return self._mime(value)
        if name == b"content-transfer-encoding":
            told = value.strip().lower()
            self._encoding = told if told in _ENCODINGS else b""
            self._phase = 0
        return self._texts.sentence(value) if name in _SENTENCES else self._texts.names(value)

    def _mime(self, value: bytes) -> bytes:
        """A media type or disposition and its parameters."""
        kind = _TYPE.match(value)
        at = kind.end() if kind is not None else 0
        if kind is None:
            word = value.lstrip().lower()
            at = next((len(value) - len(value.lstrip()) + len(w) for w in _DISPOSITIONS if word.startswith(w)), 0)
        parts = [value[:at]] if kind is None or self._is_common(kind[0]) else [self._texts.sentence(value[:at])]
        for found in _PARAMETER.finditer(value, at):
            parts.append(self._texts.names(value[at : found.start()]))
            parts.append(found["before"] + found["name"] + found["equals"] + self._parameter(found))
            at = found.end()
        return b"".join((*parts, self._texts.names(value[at:])))

    def _is_common(self, kind: bytes) -> bool:
        small = kind.strip().lower()
        return b"vnd." not in small and b"x-" not in small

    def _parameter(self, found: re.Match[bytes]) -> bytes:
        name, value = found["name"].lower(), found["value"]
        if name.partition(b"*")[0] in _KEPT_PARAMETERS:
            return value if re.fullmatch(rb"\"?[\w./+:-]{0,40}\"?", value) else self._texts.names(value)
        extended = _EXTENDED.match(value) if b"*" in name else None
        if extended is not None:
            return extended[1] + self._texts.names(extended[2])
        if name == b"boundary":
            self._boundaries.add(value.strip(b'"')[:200])
        return self._texts.names(value)

    def _body(self, text: bytes) -> bytes:
        if self._encoding == b"base64" or (not self._encoding and _BASE64_LINE.match(text)):
            new, self._phase = self._filler.base64(text, self._phase)
            return new
        if self._encoding == b"quoted-printable":
            return self._filler.quoted_printable(text)
        return self._filler.line(text)
