"""Messages that a mailbox server gave its readers, against what it was sent and what it gave before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from testbed.expect.conservation.octets import difference
from testbed.expect.conservation.passages import Content, Passage, content_of
from testbed.expect.mailboxes.offence import GIVES, NAMES, Offence
from testbed.expect.visits import Said, Visit
from testbed.protocols.header import header_field, named
from testbed.trace.services.messages import Message


class Given(Struct, frozen=True):
    """A whole message as a server gave it.

    ``name`` is what the server calls it under this ``naming``, ``""`` where that is not known; ``called`` is that in a
    sentence.
    """

    visit: Visit
    said: Said
    message: Message
    naming: str
    name: str
    called: str

    @property
    def message_id(self) -> str:
        """Its Message-ID."""
        return header_field(self.message.octets, "Message-ID")


def altered(
    given: Sequence[Given],
    carried: Sequence[Passage],
    appended: Sequence[Message],
    addresses: Mapping[str, frozenset[str]],
) -> Iterator[Offence]:
    """Messages that are not what anybody has sent, or were sent to somebody else only.

    ``addresses`` are those of the mailboxes of each host.
    """
    put = [(header_field(message.octets, "Message-ID"), content_of(message.octets)) for message in appended]
    for one in given:
        user, server, content = one.visit.user, one.visit.server, content_of(one.message.octets)
        here = [passage for passage in carried if passage.promised and passage.server == server]
        known = [passage for passage in here if one.message_id and passage.message_id == one.message_id]
        known = known or [p for p in here if p.content is not None and p.content.text_sha256 == content.text_sha256]
        mine = [passage for passage in known if passage.recipient.partition("@")[0] == user]
        others = {passage.recipient for passage in known}
        theirs = [digests for message_id, digests in put if message_id == one.message_id]
        boxes = addresses.get(server, frozenset())
        owns = user in {address.partition("@")[0] for address in boxes}  # a login may be called otherwise
        if known and owns and not mine and not theirs and others <= boxes:
            whose = " and ".join(sorted(others))
            why = f"{server} gave {user} {named(one.message_id)}, which was sent only to {whose}"
            yield Offence(GIVES, why, one.said.exchange.frames)
        before = [*theirs, *(passage.content for passage in mine if passage.content is not None)]
        wrong = difference(before, content, content.fields) if _all_known(mine) and before else ""
        if wrong:
            why = f"{server} altered {named(one.message_id)} for {user}: {wrong}"
            yield Offence(GIVES, why, one.said.exchange.frames)


def _all_known(mine: Sequence[Passage]) -> bool:
    return all(passage.content is not None for passage in mine)


def renamed(given: Sequence[Given]) -> Iterator[Offence]:
    """Names under which two messages were given, or one with two texts."""
    first: dict[tuple[str, str, str, str], tuple[Given, Content]] = {}
    for one in given:
        if not one.name:
            continue
        key = (one.visit.server, one.visit.user, one.naming, one.name)
        content = content_of(one.message.octets)
        before, known = first.setdefault(key, (one, content))
        if known.body_sha256 == content.body_sha256 and known.fields == content.fields:
            continue
        frames = (*before.said.exchange.frames, *one.said.exchange.frames)
        if before.message_id != one.message_id:
            why = f"{key[0]} had {named(before.message_id)} as {one.name}, then {named(one.message_id)}"
            yield Offence(NAMES, f"{why} under the same name", frames)
        elif known.text_sha256 != content.text_sha256:
            yield Offence(GIVES, f"{key[0]} gave {one.called} with other octets than before", frames)
