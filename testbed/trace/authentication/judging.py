"""PTR, block lists, SPF, DKIM, DMARC and ARC of one transaction, as far as what is known decides them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import cast

from msgspec import Struct
from msgspec.structs import replace

from testbed.authentication import arc, dkim, dmarc, spf
from testbed.authentication.author import author_of
from testbed.authentication.lookup import Answer, Lookup, Unanswered, plain_name
from testbed.authentication.message import Message, parse
from testbed.durations import SECOND
from testbed.protocols.text import printable
from testbed.trace.authentication.answers import Answers, Known
from testbed.trace.authentication.judged import UNKNOWN, Check
from testbed.trace.authentication.of_client import checks_of_client

_MOST_UNKNOWN = 2  # DMARC records for which all that may stand there is tried
# Whatever a record that is not known may do to a verdict, one of these does.
_POSSIBLE = (
    Answer("nothing"),
    Answer("found", ("v=DMARC1; p=reject",)),
    Answer("found", ("v=DMARC1; p=reject; psd=y",)),
    Answer("found", ("v=DMARC1; p=reject; psd=n",)),
)


class Offered(Struct, frozen=True):
    """A transaction as judges need it.

    ``sender`` and ``helo`` are None where they are not in the capture.  ``inside`` tells that who sent it is known
    otherwise, by a login or as it is at home; ``hidden`` says why the client's address is not the sender's, ``""``
    where it is.  ``named`` and ``listed`` tell that it was refused for the client's name, or for a block list.
    ``octets`` are the message, None where it is not whole.
    """

    client: str
    server: str
    helo: str | None
    sender: str | None
    octets: bytes | None
    begin_ns: int
    end_ns: int
    inside: bool = False
    hidden: str = ""
    named: bool = False
    listed: bool = False

    @property
    def seconds(self) -> int:
        """When it was, in seconds since 1970."""
        return self.end_ns // SECOND


def checks_of(offered: Offered, answers: Answers) -> tuple[Check, ...]:
    """All results."""
    return tuple(_checks(offered, answers))


def _checks(offered: Offered, answers: Answers) -> Iterator[Check]:
    def known() -> Known:
        return answers.at(offered.begin_ns, offered.end_ns, offered.server)

    of_spf: spf.Verdict | None = None
    by_spf: Check | None = None
    if not offered.inside:
        if not offered.hidden:
            named, listed = offered.named, offered.listed
            yield from checks_of_client(offered.client, answers, known(), named=named, listed=listed)
        by_spf, of_spf = _of_client(offered, known())
        yield by_spf
    if offered.octets is None:
        return
    message = parse(offered.octets)
    signatures = [_of_signature(message, place, offered, known()) for place in range(_signatures(message))]
    yield from (check for check, _ in signatures)
    if by_spf is not None:
        yield _of_author(message, (by_spf, of_spf), signatures, known())
    if message.named(arc.SEAL):
        yield _of_chain(offered, known())


def _of_client(offered: Offered, known: Known) -> tuple[Check, spf.Verdict | None]:
    if offered.sender is None or (not offered.sender and offered.helo is None):
        missing = "MAIL" if offered.sender is None else "EHLO"
        return Check("spf", UNKNOWN, "", f"SPF cannot be checked: {missing} is not in the capture"), None
    name = offered.sender.rpartition("@")[2] or offered.helo or ""
    if offered.hidden:
        name = plain_name(printable(name)[:253])
        return Check("spf", UNKNOWN, name, f"SPF of {name} cannot be checked: {offered.hidden}"), None
    try:
        verdict = spf.verify(
            known, offered.client, offered.sender, offered.helo or "", now=offered.seconds, explained=False
        )
    except Unanswered:
        name = plain_name(printable(name)[:253])
        return Check("spf", UNKNOWN, name, f"SPF of {name} cannot be checked: {known.missing}"), None
    return Check("spf", verdict.result, verdict.domain, printable(verdict.reason), tuple(known.frames)), verdict


def _signatures(message: Message) -> int:
    return min(len(message.named(dkim.FIELD)), dkim.MAX_SIGNATURES)


def _of_signature(message: Message, place: int, offered: Offered, known: Known) -> tuple[Check, dkim.Verdict]:
    """One signature.  Its body hash needs no key, so a body that was changed is known even without one."""
    field = message.named(dkim.FIELD)[place]
    try:
        verdict, missing = dkim.verify_one(message, field, known, offered.seconds), ""
    except Unanswered:
        missing = known.missing
        verdict = dkim.verify_one(message, field, lambda name, kind: Answer("timeout"), offered.seconds)
    domain, selector = printable(verdict.domain), printable(verdict.selector)
    if not missing:
        result, reason = verdict.result, verdict.reason
    elif verdict.body_fits is False:
        verdict = replace(verdict, result="fail", blame="body")
        result, reason = "fail", "the body was changed: its hash is not bh="
    else:
        result, reason = cast(dkim.Result, UNKNOWN), f"DKIM of {domain} cannot be checked: {missing}"
    return Check("dkim", result, domain, printable(reason), tuple(known.frames), selector), verdict


def _of_author(
    message: Message,
    by_spf: tuple[Check, spf.Verdict | None],
    signatures: Sequence[tuple[Check, dkim.Verdict]],
    known: Known,
) -> Check:
    """DMARC; where something is unknown, a result holds that is the same whatever that may be."""
    author = author_of(message)
    check, of_spf = by_spf
    either = [of_spf] if check.known else [spf.Verdict("pass", "", check.domain), None]
    settled = [verdict for one, verdict in signatures if one.known]
    open_ones = [replace(verdict, result="pass") for one, verdict in signatures if not one.known]
    ways = [settled, [*settled, *open_ones]] if open_ones else [settled]
    found: dict[tuple[str, str], dmarc.Verdict] = {}
    try:
        for one, some in product(either, ways):
            for verdict in _verdicts(known, partial(dmarc.verify, author=author, of_spf=one, of_dkim=some)):
                found[verdict.result, verdict.policy] = verdict
    except Unanswered:
        return _undecided(author.domain, known.missing)
    if len(found) > 1:
        lacking = [one.reason.partition(": ")[2] for one in (check, *(one for one, _ in signatures)) if not one.known]
        return _undecided(author.domain, lacking[0] if lacking else known.missing)
    (verdict,) = found.values()
    policy = verdict.published if verdict.record is not None else ""
    return Check(
        "dmarc",
        verdict.result,
        verdict.author or author.domain,
        printable(verdict.reason),
        tuple(known.frames),
        policy=policy,
    )


def _undecided(domain: str, missing: str) -> Check:
    return Check("dmarc", UNKNOWN, domain, f"DMARC of {domain or 'the author'} cannot be checked: {missing}")


def _verdicts(known: Known, judge: Callable[[Lookup], dmarc.Verdict]) -> Iterator[dmarc.Verdict]:
    """The verdict; or, where up to two records are not known, all that there may be.  Raises Unanswered."""
    names: list[str] = []

    def trying(answers: Sequence[Answer]) -> Lookup:
        def lookup(name: str, kind: str) -> Answer:
            at = names.index(plain_name(name)) if plain_name(name) in names else len(answers)
            return answers[at] if at < len(answers) else known(name, kind)

        return lookup

    waiting: list[tuple[Answer, ...]] = [()]
    while waiting:
        answers = waiting.pop()
        try:
            yield judge(trying(answers))
        except Unanswered as missing:
            if not missing.name.startswith("_dmarc."):
                raise
            if missing.name not in names:
                if len(names) >= _MOST_UNKNOWN:
                    raise
                names.append(missing.name)
            waiting += [(*answers, possible) for possible in _POSSIBLE]


def _of_chain(offered: Offered, known: Known) -> Check:
    assert offered.octets is not None
    try:
        chain = arc.verify(offered.octets, known, offered.seconds)
    except Unanswered:
        return Check("arc", UNKNOWN, "", f"the ARC chain cannot be checked: {known.missing}")
    domain = chain.sets[-1].domain if chain.sets else ""
    return Check("arc", chain.result, printable(domain), printable(chain.reason), tuple(known.frames))
