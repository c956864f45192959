"""Checks of who a message is from, made while its sender waits: SPF, DKIM, DMARC, ARC, PTR, block lists."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from aiosmtpd.smtp import Session
from msgspec import Struct

from testbed.authentication.words import OF_CLIENT, RESULTS, Check, Receiver
from testbed.durations import SECOND
from testbed.hosts.dns.resolver import LookupResult, Resolver
from testbed.hosts.envelope import Checked, EsmtpEnvelope
from testbed.hosts.site import Site
from testbed.hosts.smtp.trace_header import peer_address
from testbed.protocols import events
from testbed.protocols.header import header_field, named

if TYPE_CHECKING:  # the libraries of signatures take their time: only who checks loads them
    from testbed.authentication.judge import Judgement, Offer
    from testbed.authentication.lookup import Answer
    from testbed.authentication.persona import Persona
    from testbed.authentication.policy import Decision


def preload() -> None:
    """Load what the first message to be checked would load, which takes 0.2 s."""
    for name in ("judge", "persona", "policy", "reported"):
        import_module(f"testbed.authentication.{name}")


class JudgeTerms(Struct, frozen=True):
    """What a server checks, what it does with results, which block lists it asks, and whose ARC seals it believes."""

    checks: tuple[Check, ...]
    policy: Mapping[str, str]
    lists: tuple[str, ...] = ()
    trusted_sealers: tuple[str, ...] = ()
    persona: Persona | None = None
    bulk: tuple[int, float] = (5_000, 86_400.0)


def terms_of(receiver: Receiver, trusted_sealers: tuple[str, ...], bulk: tuple[int, int] | None) -> JudgeTerms:
    """Those of a large receiver; ``bulk`` is a number of messages in so many nanoseconds, None for its own."""
    from testbed.authentication.persona import persona

    who = persona(receiver)
    messages, span = bulk or (who.bulk[0], who.bulk[1] * SECOND)
    # All is decided after the final dot, where its rules are looked through.
    nothing = {f"{check} {result}": "accept" for check in who.checks for result in RESULTS[check]}
    return JudgeTerms(who.checks, nothing, (), trusted_sealers, who, (messages, span / SECOND))


class Told(Protocol):
    """Somebody who hears of every message that was checked."""

    def note(self, judgement: Judgement, decision: Decision) -> None:
        """What was found, and what becomes of the message."""


class Judge:
    """The checks of one server.  Mail of the lab's user agents, of who has logged in and by LMTP is not checked."""

    def __init__(self, site: Site, resolver: Resolver, terms: JudgeTerms, told: Sequence[Told] = ()) -> None:
        """``told`` hear of all that is found, to tell the owners of domains."""
        self._told = told
        self._site = site
        self._resolver = resolver
        self._terms = terms
        self._seen: dict[str, deque[float]] = defaultdict(deque)
        self._bulk: set[str] = set()

    async def recipient(self, session: Session, envelope: EsmtpEnvelope, recipient: str) -> str:
        """Why RCPT is refused for who the client is, as a reply, or ``""``."""
        checks = [check for check in OF_CLIENT if check in self._terms.checks]
        if not checks or self._terms.persona or self._is_known(session, envelope):
            return ""
        judgement, decision = await self._judged(session, envelope, b"", checks)
        if decision.action not in ("refuse", "later"):
            return ""
        self._tell(judgement, decision, envelope.sender, (recipient,), "")
        self._site.log(
            events.Refused(recipient=recipient, status=decision.reply),
            f"refuses mail for <{recipient}>: {decision.reply}",
        )
        return decision.reply

    async def message(self, session: Session, envelope: EsmtpEnvelope, content: bytes) -> str:
        """Why a message is refused, as a reply, or ``""``; what is to be written into it then lies in the envelope."""
        from testbed.authentication import results
        from testbed.authentication.message import parse
        from testbed.authentication.reported import results_of

        if self._is_known(session, envelope):
            return ""
        judgement, decision = await self._judged(session, envelope, content, self._terms.checks)
        if self._terms.persona is not None:
            decision = self._of_persona(self._terms.persona, session, judgement)
        recipients = tuple(envelope.rcpt_tos)
        self._tell(judgement, decision, envelope.sender, recipients, header_field(content, "Message-ID"))
        for told in self._told:
            told.note(judgement, decision)
        if decision.reply:
            for recipient in recipients:
                self._site.log(
                    events.Refused(recipient=recipient, status=decision.reply),
                    f"refuses mail for <{recipient}>: {decision.reply}",
                )
            return decision.reply
        said = [one for one in results_of(judgement) if _check_of(one.method) in self._terms.checks]
        forged = tuple(field.octets for field in results.said_by(self._site.name, parse(content)))
        envelope.verdict = Checked("", decision.action == "junk", results.written(self._site.name, said), forged)
        return ""

    def _of_persona(self, who: Persona, session: Session, judgement: Judgement) -> Decision:
        from testbed.authentication.persona import Circumstances, decide

        bulk = self._is_bulk(judgement.author.domain)
        return decide(who, judgement, Circumstances(session.ssl is not None, bulk, self._terms.trusted_sealers))

    def _is_bulk(self, domain: str) -> bool:
        """Whether a domain has sent so many in so long, this one counted; who once did is a bulk sender for good."""
        most, span = self._terms.bulk
        seen, now = self._seen[domain], self._site.now()
        seen.append(now)
        while seen[0] <= now - span:
            seen.popleft()
        if len(seen) >= most:
            self._bulk.add(domain)
        return domain in self._bulk

    async def found(
        self, session: Session, envelope: EsmtpEnvelope, content: bytes, checks: Collection[Check]
    ) -> Judgement | None:
        """What these checks find, whatever is refused for; None of mail that is not checked."""
        if self._is_known(session, envelope):
            return None
        judgement, _ = await self._judged(session, envelope, content, checks)
        return judgement

    def _is_known(self, session: Session, envelope: EsmtpEnvelope) -> bool:
        return bool(session.authenticated) or envelope.by_lmtp or peer_address(session) in self._site.trusted

    def _offer(self, session: Session, envelope: EsmtpEnvelope, content: bytes) -> Offer:
        from testbed.authentication.judge import Offer

        return Offer(
            peer_address(session),
            session.host_name or "",
            envelope.sender,
            content,
            int(self._site.now()),
            self._site.name,
            self._terms.lists,
        )

    async def _judged(
        self, session: Session, envelope: EsmtpEnvelope, content: bytes, checks: Collection[Check]
    ) -> tuple[Judgement, Decision]:
        from testbed.authentication.judge import judge
        from testbed.authentication.lookup import KnownAnswers, settled
        from testbed.authentication.policy import decide, defaults

        offer = self._offer(session, envelope, content)
        envelope.answers = envelope.answers or KnownAnswers()
        judgement = await settled(lambda lookup: judge(offer, checks, lookup), self._ask, envelope.answers)
        policy = {**defaults(self._terms.checks), **self._terms.policy}  # of all checks, those to come too
        return judgement, decide(judgement, checks, policy, self._terms.trusted_sealers)

    async def _ask(self, name: str, kind: str) -> Answer:
        return answer_of(await self._resolver.ask(name, kind), kind)

    def _tell(
        self, judgement: Judgement, decision: Decision, sender: str, recipients: tuple[str, ...], message_id: str
    ) -> None:
        from testbed.authentication.policy import found

        results = {check: result for check, (result, _) in found(judgement).items() if check in self._terms.checks}
        self._site.log(
            events.Authenticated(
                message_id=message_id,
                sender=sender,
                recipients=recipients,
                client=judgement.offer.client,
                domain=judgement.author.domain,
                deed=decision.action,
                cause=decision.cause,
                status=decision.reply,
                **results,
            ),
            f"checks {named(message_id)} of <{sender}>: {_said(results, decision)}",
        )


def answer_of(found: LookupResult, kind: str) -> Answer:
    """What the resolver says, as the checks need it."""
    from testbed.authentication.lookup import Answer

    if found.rcode in ("NXDOMAIN", "TIMEOUT"):
        return Answer("nxdomain" if found.rcode == "NXDOMAIN" else "timeout")
    if found.rcode != "NOERROR":
        return Answer("servfail")
    if kind == "TXT":
        records = tuple(octets.decode("latin-1") for octets in found.strings)
    else:
        records = tuple(record.removesuffix(".") for record in found.records)
    return Answer("found", records) if records else Answer("nothing")


def _said(results: Mapping[Check, str], decision: Decision) -> str:
    words = ", ".join(f"{check} {result}" for check, result in results.items()) or "nothing"
    deeds = {"accept": "takes it", "junk": "takes it for junk", "refuse": "refuses it", "later": "wants it later"}
    because = f" ({decision.reason})" if decision.reason else f" ({decision.overridden})" if decision.overridden else ""
    return f"{words}: {deeds[decision.action]}{because}"


def _check_of(method: str) -> str:
    return "ptr" if method == "iprev" else method
