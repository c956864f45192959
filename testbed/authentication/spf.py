"""May this client send for this domain?  SPF evaluated, with the term that decided and what it cost (RFC 7208)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Literal

from msgspec import Struct

from testbed.authentication.lookup import Answer, Lookup, look_up
from testbed.authentication.names import a_label, same_address
from testbed.authentication.spf_macros import Facts, expand_name, explanation
from testbed.authentication.spf_record import Directive, Malformed, Record, is_record, parse

Result = Literal["none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"]
Identity = Literal["mailfrom", "helo"]

MAX_TERMS, MAX_VOID, MAX_NAMES = 10, 2, 10  # RFC 7208 §4.6.4
_RESULTS: dict[str, Result] = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}


class Verdict(Struct, frozen=True):
    """What SPF says of a client.

    ``domain`` is whose record was asked, ``record`` that record.  ``mechanism`` is the term that matched, as it was
    written, and ``path`` the terms that led to its record (``include:``, ``redirect=``).  ``lookups`` counts terms
    that ask DNS, ``void`` those answers that hold nothing (§4.6.4).  ``explanation`` is what the domain has to say to
    who fails (§6.2): a stranger's words.
    """

    result: Result
    reason: str
    domain: str
    identity: Identity = "mailfrom"
    record: str = ""
    mechanism: str = ""
    path: tuple[str, ...] = ()
    lookups: int = 0
    void: int = 0
    explanation: str = ""


class _Stop(Exception):
    def __init__(self, result: Result, reason: str) -> None:
        super().__init__(reason)
        self.result: Result = result
        self.reason = reason


def verify(
    lookup: Lookup,
    client: str,
    mail_from: str,
    helo: str,
    *,
    receiver: str = "",
    now: int = 0,
    explained: bool = True,
) -> Verdict:
    """The result for MAIL FROM; where that is empty, for ``postmaster`` at the name that EHLO gave (§2.4).

    ``client`` is an IP address, ``now`` seconds since 1970 (for the macro ``t``).  Unless it is to be ``explained``, no
    question is asked for the explanation of who fails.
    """
    if "@" not in mail_from:
        return verify_helo(lookup, client, helo, receiver=receiver, now=now, explained=explained)
    local, _, domain = mail_from.rpartition("@")
    sender = f"{local or 'postmaster'}@{domain}"
    return check_host(lookup, client, domain, sender, helo, receiver=receiver, now=now, explained=explained)


def verify_helo(
    lookup: Lookup, client: str, helo: str, *, receiver: str = "", now: int = 0, explained: bool = True
) -> Verdict:
    """The result for the name that EHLO gave (§2.3)."""
    sender = f"postmaster@{helo}"
    return check_host(
        lookup, client, helo, sender, helo, identity="helo", receiver=receiver, now=now, explained=explained
    )


def check_host(
    lookup: Lookup,
    client: str,
    domain: str,
    sender: str,
    helo: str,
    *,
    identity: Identity = "mailfrom",
    receiver: str = "",
    now: int = 0,
    explained: bool = True,
) -> Verdict:
    """``check_host()`` of RFC 7208 §4."""
    address = ip_address(client)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    name = a_label(domain)
    if not name or "." not in name:
        shown = "".join(c if c.isprintable() else "?" for c in domain)[:60]
        return Verdict("none", f"'{shown}' is not the name of a domain", name, identity)
    return _Evaluation(lookup, address, name, sender, helo, receiver, now).verdict(identity, explained=explained)


@dataclass
class _Evaluation:
    lookup: Lookup
    client: IPv4Address | IPv6Address
    domain: str
    sender: str
    helo: str
    receiver: str
    now: int
    lookups: int = 0
    void: int = 0
    record: str = ""
    mechanism: str = ""
    path: list[str] = field(default_factory=list)
    matched_path: tuple[str, ...] = ()
    explained_by: tuple[str, str] = ("", "")

    @property
    def facts(self) -> Facts:
        return Facts(self.client, self.sender, self.helo, self.receiver, self.now, self._validated)

    def verdict(self, identity: Identity, *, explained: bool) -> Verdict:
        explanation = ""
        try:
            result = self._check(self.domain, outermost=True)
            reason = self._reason(result)
            if result == "fail" and explained:
                explanation = self._explanation()
        except _Stop as stop:
            result, reason = stop.result, stop.reason
            self.mechanism, self.matched_path = "", ()
        return Verdict(
            result,
            reason,
            self.domain,
            identity,
            self.record,
            self.mechanism,
            self.matched_path,
            self.lookups,
            self.void,
            explanation,
        )

    def _reason(self, result: Result) -> str:
        if result == "none":
            return f"{self.domain} publishes no SPF record"
        by = " by way of ".join([self.mechanism, *reversed(self.matched_path)])
        words = {"pass": "may", "fail": "may not", "softfail": "probably may not", "neutral": "may or may not"}
        if not self.mechanism:
            return f"{self.client} may or may not send for {self.domain}: no term of its SPF record matches"
        return f"{self.client} {words[result]} send for {self.domain}: '{by}' matches"

    def _check(self, domain: str, *, outermost: bool = False) -> Result:
        """The result of one domain's record (§4.5 and §4.6)."""
        text = self._record_of(domain)
        if outermost:
            self.record = text
        if not text:
            return "none"
        try:
            record = parse(text)
        except Malformed as error:
            raise _Stop("permerror", f"the SPF record of {domain} cannot be read: {error}") from None
        for directive in record.directives:
            if self._matches(directive, domain):
                if directive.mechanism != "include":  # which leaves what matched within
                    self.mechanism, self.matched_path = directive.text, tuple(self.path)
                self.explained_by = (record.explanation, domain)
                return _RESULTS[directive.qualifier]
        return self._redirected(record, domain)

    def _redirected(self, record: Record, domain: str) -> Result:
        if not record.redirect:
            self.mechanism, self.matched_path = "", ()
            return "neutral"
        self._count("redirect=" + record.redirect)
        target = expand_name(record.redirect, self.facts, domain)
        self.path.append("redirect=" + record.redirect)
        result = self._check(target)
        self.path.pop()
        if result == "none":
            raise _Stop("permerror", f"{domain} redirects to {_shown(target)}, which publishes no SPF record (§6.1)")
        return result

    def _record_of(self, domain: str) -> str:
        answer = self._ask(domain, "TXT", void_counts=False)
        records = [text for text in answer.records if is_record(text)]
        if len(records) > 1:
            raise _Stop("permerror", f"{_shown(domain)} publishes {len(records)} SPF records (§4.5)")
        return records[0] if records else ""

    def _matches(self, directive: Directive, domain: str) -> bool:
        match directive.mechanism:
            case "all":
                return True
            case "ip4" | "ip6":
                return directive.network is not None and self.client in directive.network
            case _:
                self._count(directive.text)
        target = expand_name(directive.target, self.facts, domain) if directive.target else domain
        match directive.mechanism:
            case "include":
                return self._includes(directive, target)
            case "exists":
                return bool(self._ask(target, "A").records)
            case "a":
                return self._is_one_of(self._addresses(target), directive)
            case "mx":
                return any(self._is_one_of(self._addresses(name), directive) for name in self._exchangers(target))
            case _:
                return any(name == target.lower() or name.endswith("." + target.lower()) for name in self._names())

    def _includes(self, directive: Directive, target: str) -> bool:
        """Whether the included record says pass (§5.2)."""
        self.path.append(directive.text)
        result = self._check(target)
        self.path.pop()
        if result == "none":
            raise _Stop(
                "permerror", f"'{_shown(directive.text)}' leads to {_shown(target)}, which publishes no SPF record"
            )
        return result == "pass"

    def _exchangers(self, domain: str) -> list[str]:
        names = [record.split()[-1] for record in self._ask(domain, "MX").records if record.split()]
        if len(names) > MAX_NAMES:
            raise _Stop(
                "permerror", f"{_shown(domain)} has {len(names)} MX records, and {MAX_NAMES} may be asked for (§4.6.4)"
            )
        return names

    def _addresses(self, domain: str) -> tuple[str, ...]:
        return self._ask(domain, "A" if self.client.version == 4 else "AAAA").records

    def _is_one_of(self, addresses: tuple[str, ...], directive: Directive) -> bool:
        prefix = directive.prefix4 if self.client.version == 4 else directive.prefix6
        for address in addresses:
            try:
                network = ip_network((address, prefix), strict=False)
            except ValueError:
                continue
            if self.client in network:
                return True
        return False

    def _names(self) -> Iterator[str]:
        """The client's names that lead back to it; errors count for none (§5.5)."""
        answer = look_up(self.lookup, self.client.reverse_pointer, "PTR")
        self._count_void(answer)
        for name in answer.records[:MAX_NAMES]:
            found = look_up(self.lookup, name, "A" if self.client.version == 4 else "AAAA")
            if any(same_address(address, str(self.client)) for address in found.records):
                yield name.removesuffix(".").lower()

    def _validated(self, domain: str) -> str:
        """What ``%{p}`` stands for (§7.3)."""
        names = list(self._names())
        exact = [name for name in names if name == domain] or [name for name in names if name.endswith("." + domain)]
        return next(iter(exact or names), "unknown")

    def _count(self, term: str) -> None:
        self.lookups += 1
        if self.lookups > MAX_TERMS:
            raise _Stop(
                "permerror",
                f"'{_shown(term)}' is the {self.lookups}th term that asks DNS, and {MAX_TERMS} are allowed (§4.6.4)",
            )

    def _ask(self, name: str, kind: str, *, void_counts: bool = True) -> Answer:
        answer = look_up(self.lookup, name, kind)
        if answer.failed:
            raise _Stop("temperror", f"DNS does not answer {kind} {_shown(name)} ({answer.outcome})")
        if void_counts:
            self._count_void(answer)
        return answer

    def _count_void(self, answer: Answer) -> None:
        self.void += answer.void
        if self.void > MAX_VOID:
            raise _Stop("permerror", f"{self.void} questions found nothing, and {MAX_VOID} may (§4.6.4)")

    def _explanation(self) -> str:
        """What exp= leads to; whatever goes wrong, there is none (§6.2)."""
        spec, domain = self.explained_by
        if not spec:
            return ""
        answer = look_up(self.lookup, expand_name(spec, self.facts, domain), "TXT")
        return explanation(answer.records[0], self.facts, domain) if len(answer.records) == 1 else ""


def _shown(text: str) -> str:
    return text[:80]
