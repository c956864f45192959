"""A record of SPF, read (RFC 7208 §4.6, §12)."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Literal

from msgspec import Struct

Qualifier = Literal["+", "-", "~", "?"]
Mechanism = Literal["all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"]

MAX_TERMS = 500
_VERSION = re.compile(r"v=spf1(?: |\Z)", re.IGNORECASE)
_DIRECTIVE = re.compile(r"([-+~?]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?![A-Za-z0-9_.-])(.*)\Z", re.IGNORECASE)
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)=(.*)\Z")
_CIDR = re.compile(r"(?:/(0|[1-9]\d?))?(?://(0|[1-9]\d{0,2}))?\Z")
_MACRO = re.compile(r"%(?:\{[slodipvhcrt](?:0*[1-9]\d*)?r?[-.+,/_=]*\}|[%_-])", re.IGNORECASE)
_OF_EXPLANATIONS = re.compile(r"%\{[crt]", re.IGNORECASE)
_TOP_LABEL = re.compile(r"\.(?:[A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*|[A-Za-z0-9]+-[A-Za-z0-9-]*[A-Za-z0-9])\.?\Z")
_LITERAL = re.compile(r"[!-$&-~]*\Z")


class Malformed(Exception):
    """What is wrong with a record, as the end of a sentence."""


class Directive(Struct, frozen=True):
    """One mechanism: ``text`` is the term as written, ``target`` its domain-spec, ``network`` that of ip4 and ip6."""

    text: str
    qualifier: Qualifier
    mechanism: Mechanism
    target: str = ""
    network: IPv4Network | IPv6Network | None = None
    prefix4: int = 32
    prefix6: int = 128


class Record(Struct, frozen=True):
    """``redirect`` and ``explanation`` are domain-specs, or ``""``."""

    directives: tuple[Directive, ...]
    redirect: str = ""
    explanation: str = ""


def is_record(text: str) -> bool:
    """Whether a TXT record is one of SPF (RFC 7208 §4.5)."""
    return _VERSION.match(text) is not None


def parse(text: str) -> Record:
    """Read all of a record: one mistake anywhere makes it void (§4.6).  Raises :class:`Malformed`."""
    if not text.isascii() or not text.isprintable():
        raise Malformed("it holds other characters than printable ASCII")
    terms = [term for term in text.split(" ")[1:] if term]
    if len(terms) > MAX_TERMS:
        raise Malformed(f"it has more than {MAX_TERMS} terms")
    directives: list[Directive] = []
    modifiers: dict[str, str] = {}
    for term in terms:
        directive = _DIRECTIVE.match(term)
        modifier = _MODIFIER.match(term)
        if directive is not None and not directive[3].startswith("="):
            directives.append(_directive(term, directive))
        elif modifier is not None:
            name, value = modifier[1].lower(), modifier[2]
            if name in ("redirect", "exp"):
                if name in modifiers:
                    raise Malformed(f"{name}= stands twice in it (§6)")
                modifiers[name] = _domain_spec(value, term)
            else:
                check_macros(value, term)
        else:
            raise Malformed(f"'{term[:60]}' is no mechanism (§12)")
    return Record(tuple(directives), modifiers.get("redirect", ""), modifiers.get("exp", ""))


def _directive(text: str, match: re.Match[str]) -> Directive:
    qualifier, name, rest = match.groups()
    term = Directive(text, _qualifier(qualifier), _mechanism(name.lower()))
    if term.mechanism == "all":
        if rest:
            raise Malformed(f"'{text[:60]}' says more than all")
        return term
    if term.mechanism in ("ip4", "ip6"):
        return Directive(text, term.qualifier, term.mechanism, network=_network(text, term.mechanism, rest))
    if term.mechanism in ("include", "exists"):
        return Directive(
            text, term.qualifier, term.mechanism, _domain_spec(rest.removeprefix(":"), text, rest[:1] == ":")
        )
    target, four, six = _split_prefix(text, rest)
    if term.mechanism == "ptr" and (four, six) != (32, 128):
        raise Malformed(f"'{text[:60]}' has a prefix, which ptr has not")
    if target and not target.startswith(":"):
        raise Malformed(f"'{text[:60]}' is no mechanism (§12)")
    spec = _domain_spec(target[1:], text) if target else ""
    return Directive(text, term.qualifier, term.mechanism, spec, None, four, six)


def _qualifier(text: str) -> Qualifier:
    return "-" if text == "-" else "~" if text == "~" else "?" if text == "?" else "+"


def _mechanism(name: str) -> Mechanism:
    known: tuple[Mechanism, ...] = ("all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists")
    return next(one for one in known if one == name)


def _split_prefix(text: str, rest: str) -> tuple[str, int, int]:
    """What stands before the prefix lengths, and these."""
    at = re.search(r"(?:/\d+)?(?://\d+)?\Z", rest)
    tail = at[0] if at else ""
    match = _CIDR.match(tail)
    if match is None or rest.endswith("/"):
        raise Malformed(f"'{text[:60]}' has a prefix length that cannot be")
    four, six = int(match[1] or 32), int(match[2] or 128)
    if four > 32 or six > 128:
        raise Malformed(f"'{text[:60]}' has a prefix length that cannot be")
    return rest[: len(rest) - len(tail)], four, six


def _network(text: str, mechanism: str, rest: str) -> IPv4Network | IPv6Network:
    try:
        if not rest.startswith(":") or not re.fullmatch(r"[0-9A-Fa-f:.]+(?:/(?:0|[1-9]\d{0,2}))?", rest[1:]):
            raise ValueError
        network = ip_network(rest[1:], strict=False)
    except ValueError:
        raise Malformed(f"'{text[:60]}' holds no address") from None
    if network.version != (4 if mechanism == "ip4" else 6):
        raise Malformed(f"'{text[:60]}' holds an address of the other family")
    return network


def _domain_spec(spec: str, text: str, said: bool = True) -> str:
    """A domain-spec: it ends with a macro or with a top label (§7.1)."""
    if not spec or not said:
        raise Malformed(f"'{text[:60]}' names no domain")
    check_macros(spec, text)
    if _OF_EXPLANATIONS.search(spec):
        raise Malformed(f"'{text[:60]}' holds a macro that only explanations may (§7.2)")
    last = list(_MACRO.finditer(spec))
    if not (last and last[-1].end() == len(spec)) and not _TOP_LABEL.search(spec):
        raise Malformed(f"'{text[:60]}' does not end with the name of a domain")
    return spec


def check_macros(spec: str, text: str) -> None:
    """Raise :class:`Malformed` where a ``%`` begins no macro (§7.1)."""
    literal = _MACRO.sub("", spec)
    if "%" in literal:
        raise Malformed(f"'{text[:60]}' holds a % that begins no macro (§7.1)")
    if not _LITERAL.match(literal):
        raise Malformed(f"'{text[:60]}' holds characters that cannot be")
