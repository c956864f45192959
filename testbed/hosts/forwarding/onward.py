"""Whom the addresses of a domain stand for, and as what a message goes on to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from testbed.hosts.envelope import Envelope, EnvelopeRecipient
from testbed.hosts.forwarding import edits
from testbed.hosts.forwarding.sealing import Finding, Sealer
from testbed.hosts.sending.conversion import to_seven_bit
from testbed.protocols.srs import SenderRewriting, SrsError, is_rewritten
from testbed.scenario.passing_on import ForwardSpec, MailingListSpec

if TYPE_CHECKING:  # the libraries of signatures take their time: only who signs loads them
    from testbed.hosts.forwarding.signer import Signer

_BOUNCES = "-bounces"


class Onward(Struct, frozen=True):
    """A message as it goes on, because of one of its recipients, in as many envelopes as it needs."""

    recipient: EnvelopeRecipient
    envelopes: tuple[Envelope, ...]
    content: bytes
    by_list: bool = False


class Forwarding:
    """The forwards and the lists of one domain; ``now`` gives seconds since 1970, ``secret`` marks its own senders."""

    def __init__(
        self,
        domain: str,
        forward: Mapping[str, ForwardSpec],
        lists: Mapping[str, MailingListSpec],
        now: Callable[[], float],
        secret: bytes = b"",
        signer: Signer | None = None,
        sealer: Sealer | None = None,
    ) -> None:
        self._domain = domain
        self._forward = forward
        self._lists = lists
        self._now = now
        self._signer = signer
        self._sealer = sealer
        self._srs = SenderRewriting(secret, domain) if any(one.srs for one in forward.values()) else None

    def knows(self, recipient: str) -> bool:
        """Whether an address of the domain stands for others, or is one that bounces come back to."""
        local = recipient.rpartition("@")[0]
        return local in self._forward or local in self._lists or self._bouncing(local) or self._is_own_sender(recipient)

    def refusal(self, recipient: str) -> str:
        """Why an address that it knows cannot be passed on to, as a reply to RCPT, or ``""``."""
        if self._srs is None or not self._is_own_sender(recipient):
            return ""
        try:
            self._srs.reversed(recipient, self._now())
        except SrsError as error:
            return f"550 5.1.1 This address leads back to nobody: {error}"
        return ""

    def is_for_bounces(self, recipient: str) -> bool:
        """Whether only notifications have any business there."""
        return self._bouncing(recipient.rpartition("@")[0])

    def seals(self, recipient: str) -> bool:
        """Whether what goes on for an address is sealed."""
        local = recipient.rpartition("@")[0]
        spec = self._forward.get(local) or self._lists.get(local)
        return spec is not None and spec.arc

    def onward(
        self, recipient: EnvelopeRecipient, envelope: Envelope, content: bytes, found: Finding | None = None
    ) -> Onward:
        """As what a message goes on that came for an address it knows, and does not refuse.

        ``found`` is what was found of it when it came, None where nobody has looked.
        """
        local = recipient.address.rpartition("@")[0]
        if local in self._forward or local in self._lists:
            if local in self._forward:
                onward = self._forwarded(self._forward[local], recipient, envelope, content)
            else:
                onward = self._expanded(local, recipient, envelope, content)
            if self._sealer is not None and found is not None and self.seals(recipient.address):
                onward = replace(onward, content=self._sealer.sealed(onward.content, found))
            return onward
        if self._srs is not None and self._is_own_sender(recipient.address):
            back = self._srs.reversed(recipient.address, self._now())
            return Onward(recipient, (_to(envelope, recipient, back),), content)
        owner = self._lists[self._list_of(local)].owner
        return Onward(recipient, () if owner is None else (_to(envelope, recipient, owner),), content)

    def _bouncing(self, local: str) -> bool:
        return bool(self._list_of(local))

    def _list_of(self, local: str) -> str:
        """The list whose bounces come back to a local part, or ``""``."""
        name = local.partition("+")[0].removesuffix(_BOUNCES)
        return name if name != local.partition("+")[0] and name in self._lists else ""

    def _is_own_sender(self, address: str) -> bool:
        return self._srs is not None and is_rewritten(address)

    def _forwarded(self, spec: ForwardSpec, recipient: EnvelopeRecipient, envelope: Envelope, content: bytes) -> Onward:
        onward = _to(envelope, recipient, spec.to)
        if spec.srs and self._srs is not None:
            onward = replace(onward, return_path=self._srs.forwarded(envelope.sender, self._now()))
        if spec.seven_bit:
            content = to_seven_bit(content) or content
        if spec.from_ == "own":
            content = self._signed(edits.with_own_author(content, recipient.address, self._domain))
        return Onward(recipient, (onward,), content)

    def _expanded(self, name: str, recipient: EnvelopeRecipient, envelope: Envelope, content: bytes) -> Onward:
        spec = self._lists[name]
        members = [EnvelopeRecipient(member) for member in dict.fromkeys(spec.members)]
        edited = self._signed(self._edited(name, spec, content))
        parameters = replace(
            envelope.parameters, ret="", envid=""
        )  # of a list, the sender hears no more (RFC 3461 §5.2.7.3)
        if spec.return_path == "verp":
            envelopes = tuple(Envelope(self._verp(name, one.address), (one,), parameters) for one in members)
        else:
            sender = envelope.sender if spec.return_path == "keep" else f"{name}{_BOUNCES}@{self._domain}"
            envelopes = (Envelope(sender, tuple(members), parameters),)
        return Onward(recipient, envelopes, edited, by_list=True)

    def _verp(self, name: str, member: str) -> str:
        local, _, domain = member.rpartition("@")
        return f"{name}{_BOUNCES}+{local}={domain}@{self._domain}"

    def _edited(self, name: str, spec: MailingListSpec, content: bytes) -> bytes:
        address = f"{name}@{self._domain}"
        if spec.footer:
            content = edits.with_footer(content, spec.footer)
        if spec.subject_tag:
            content = edits.with_tag(content, spec.subject_tag)
        if spec.from_ == "munge":
            content = edits.with_own_author(content, address, name.capitalize())
        return edits.with_fields(content, list(_list_fields(name, self._domain, spec)))

    def _signed(self, content: bytes) -> bytes:
        return content if self._signer is None else self._signer.signed(content)


def _to(envelope: Envelope, recipient: EnvelopeRecipient, address: str) -> Envelope:
    """The same for another address in place of one of its recipients."""
    return replace(envelope, recipients=(replace(recipient, address=address),))


def _list_fields(name: str, domain: str, spec: MailingListSpec) -> Iterator[tuple[str, str]]:
    """RFC 2919 §3, RFC 2369 §3.4, RFC 8058 §3.1; Precedence is custom (RFC 3834 §2)."""
    yield "List-Id", f"<{name}.{domain}>"
    yield "List-Post", f"<mailto:{name}@{domain}>"
    if spec.unsubscribe:
        yield "List-Unsubscribe", f"<{spec.unsubscribe}>"
        yield "List-Unsubscribe-Post", "List-Unsubscribe=One-Click"
    yield "Precedence", "list"
