"""The parameters of MAIL and RCPT that extensions bring (RFC 1870, 3461, 6152, 6531, 8689): their grammar."""

from __future__ import annotations

import re

from msgspec import Struct, field

NOTIFY_WORDS = ("NEVER", "SUCCESS", "FAILURE", "DELAY")
EXTENSIONS = ("PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN")
ON_REQUEST = ("CHUNKING", "REQUIRETLS")
"""Extensions that a host offers where it is told to."""

_KEYWORDS = {"SIZE": "SIZE", "BODY": "8BITMIME", "SMTPUTF8": "SMTPUTF8", "REQUIRETLS": "REQUIRETLS"}
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})+")
_KEYWORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_MAX_ENVID = 100  # RFC 3461 §4.4
_MAX_ORCPT = 500  # RFC 3461 §4.2


class BadParameter(ValueError):
    """A parameter that is refused; ``str()`` is the reply."""


class MailParameters(Struct, frozen=True):
    """What MAIL said besides the sender.  ``size`` is in octets; ``envid`` is decoded; words are upper case."""

    size: int | None = None
    body: str = ""  # 7BIT, 8BITMIME or "" (RFC 6152)
    utf8: bool = False  # RFC 6531
    ret: str = ""  # FULL, HDRS or "": how much of a failed message comes back (RFC 3461 §4.3)
    envid: str = ""  # the sender's own name for this envelope (RFC 3461 §4.4)
    require_tls: bool = False  # no server may have it but through TLS, and none that cannot promise this (RFC 8689)


class RcptParameters(Struct, frozen=True):
    """What RCPT said besides the recipient; ``orcpt`` is ``type;address``, decoded (RFC 3461 §4.2)."""

    notify: frozenset[str] = field(default_factory=frozenset)  # of NOTIFY_WORDS, empty by default
    orcpt: str = ""

    def wants(self, word: str) -> bool:
        """Whether the sender is to be told of this: SUCCESS, FAILURE or DELAY (RFC 3461 §4.1).

        When nothing was said, failures are told, and delays may be.
        """
        return word in self.notify if self.notify else word in ("FAILURE", "DELAY")


def without_extension(reply: bytes, keyword: str) -> bytes:
    """The reply to EHLO or LHLO without an extension (RFC 5321 §4.1.1.1)."""
    first, *lines = reply.splitlines(keepends=True)
    kept = [first, *(line for line in lines if line[4:].split()[:1] != [keyword.encode()])]
    return b"".join([*kept[:-1], kept[-1][:3] + b" " + kept[-1][4:]])


def chunk_parameters(argument: str) -> tuple[int, bool]:
    """The octets that follow ``BDAT``, and whether the message ends with them (RFC 3030 §2).  Raises BadParameter."""
    found = re.fullmatch(r"([0-9]{1,20})( +LAST)?", argument, re.IGNORECASE)
    if found is None:
        raise BadParameter("501 5.5.4 Syntax: BDAT <octets> [LAST]")
    return int(found[1]), found[2] is not None


def mail_parameters(words: list[str], offered: frozenset[str]) -> MailParameters:
    """The parameters behind ``MAIL FROM:<…>``, of the extensions offered.  Raises BadParameter."""
    found: dict[str, str] = _split(words, _of(offered, _KEYWORDS))
    if valued := next((word for word in ("SMTPUTF8", "REQUIRETLS") if found.get(word)), ""):
        raise BadParameter(f"501 5.5.4 {valued} takes no value")
    size = found.get("SIZE")
    if size is not None and not re.fullmatch(r"[0-9]{1,20}", size):
        raise BadParameter("501 5.5.4 SIZE is a number of octets")
    return MailParameters(
        size=None if size is None else int(size),
        body=_one_of("BODY", found, ("7BIT", "8BITMIME")),
        utf8="SMTPUTF8" in found,
        ret=_one_of("RET", found, ("FULL", "HDRS")),
        envid=_envid(found.get("ENVID")),
        require_tls="REQUIRETLS" in found,
    )


def rcpt_parameters(words: list[str], offered: frozenset[str]) -> RcptParameters:
    """The parameters behind ``RCPT TO:<…>``, of the extensions offered.  Raises BadParameter."""
    found = _split(words, {"NOTIFY", "ORCPT"} if "DSN" in offered else set())
    notify = frozenset(found["NOTIFY"].upper().split(",")) if "NOTIFY" in found else frozenset()
    if not notify <= set(NOTIFY_WORDS) or ("NEVER" in notify and len(notify) > 1):
        raise BadParameter("501 5.5.4 NOTIFY is NEVER, or some of SUCCESS, FAILURE and DELAY")
    return RcptParameters(notify, _orcpt(found.get("ORCPT")))


def mail_words(parameters: MailParameters, offered: frozenset[str]) -> list[str]:
    """How MAIL says these parameters to a server that offers so much; what it does not know is left unsaid."""
    words = {
        "SIZE": [f"SIZE={parameters.size}"] if parameters.size is not None else [],
        "8BITMIME": [f"BODY={parameters.body}"] if parameters.body else [],
        "SMTPUTF8": ["SMTPUTF8"] if parameters.utf8 else [],
        "DSN": [
            *([f"RET={parameters.ret}"] if parameters.ret else []),
            *([f"ENVID={encode_xtext(parameters.envid)}"] if parameters.envid else []),
        ],
        "REQUIRETLS": ["REQUIRETLS"] if parameters.require_tls else [],
    }
    return [word for extension, said in words.items() if extension in offered for word in said]


def rcpt_words(parameters: RcptParameters, offered: frozenset[str]) -> list[str]:
    """How RCPT says these parameters to a server that offers so much."""
    if "DSN" not in offered:
        return []
    kind, _, address = parameters.orcpt.partition(";")
    return [
        *(
            [f"NOTIFY={','.join(word for word in NOTIFY_WORDS if word in parameters.notify)}"]
            if parameters.notify
            else []
        ),
        *([f"ORCPT={kind};{encode_xtext(address)}"] if parameters.orcpt else []),
    ]


def encode_xtext(text: str) -> str:
    """Text in which ``+``, ``=`` and everything unprintable is written as hexadecimal (RFC 3461 §4)."""
    return "".join(chr(o) if 33 <= o <= 126 and o not in b"+=" else f"+{o:02X}" for o in text.encode())


def decode_xtext(text: str) -> str | None:
    """The text meant, None for what is no xtext."""
    if not _XTEXT.fullmatch(text):
        return None
    octets = re.sub(r"\+([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), text).encode("latin-1")
    return octets.decode("utf-8", "replace")


def _of(offered: frozenset[str], keywords: dict[str, str]) -> set[str]:
    known = {keyword for keyword, extension in keywords.items() if extension in offered}
    return known | ({"RET", "ENVID"} if "DSN" in offered else set())


def _split(words: list[str], known: set[str]) -> dict[str, str]:
    """Keywords in upper case and their values.  Raises BadParameter (RFC 5321 §4.1.1.11)."""
    found: dict[str, str] = {}
    for word in words:
        keyword, equals, value = word.partition("=")
        if not _KEYWORD.fullmatch(keyword) or (equals and not value):
            raise BadParameter("501 5.5.4 Syntax error in parameters")
        keyword = keyword.upper()
        if keyword not in known:
            raise BadParameter(f"555 5.5.4 {keyword[:40]} is not offered here")
        if keyword in found:
            raise BadParameter(f"501 5.5.4 {keyword} is given twice")
        found[keyword] = value
    return found


def _one_of(keyword: str, found: dict[str, str], words: tuple[str, ...]) -> str:
    value = found.get(keyword)
    if value is None:
        return ""
    if value.upper() not in words:
        raise BadParameter(f"501 5.5.4 {keyword} is {' or '.join(words)}")
    return value.upper()


def _envid(value: str | None) -> str:
    if value is None:
        return ""
    decoded = decode_xtext(value)
    if decoded is None or len(value) > _MAX_ENVID or not decoded.isprintable():
        raise BadParameter("501 5.5.4 ENVID is xtext of at most 100 characters")
    return decoded


def _orcpt(value: str | None) -> str:
    if value is None:
        return ""
    kind, semicolon, address = value.partition(";")
    decoded = address if kind.lower() == "utf-8" and not address.isascii() else decode_xtext(address)
    if not semicolon or not kind or decoded is None or len(value) > _MAX_ORCPT or not decoded.isprintable():
        raise BadParameter("501 5.5.4 ORCPT is a type, a semicolon and an address in xtext")
    return f"{kind.lower()};{decoded}"
