"""What DNS said, as the judges need it: a lookup of known answers, and questions that have none."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Literal, TypeVar

from msgspec import Struct

Outcome = Literal["found", "nothing", "nxdomain", "servfail", "timeout"]
# So many questions one judgement may cost: SPF's ten with ten addresses each, a walk for each signature.
MAX_QUESTIONS = 300
_MAX_RECORDS = 200
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_ESCAPE = re.compile(r"\\(\d{3}|.)")
_MAX_TXT = 65_535

Verdict = TypeVar("Verdict")


class Answer(Struct, frozen=True):
    """What became of a question.

    ``records`` are texts: of TXT its strings joined (RFC 7208 §3.3, RFC 6376 §3.6.2.2), an octet a character; of A and
    AAAA addresses; of PTR names; of MX preference and name (``10 mx.example``).  Names end without a dot.

    ``nothing`` is a name that has no records of this type, ``nxdomain`` a name that is not there.  ``servfail``
    stands for every other refusal to answer.
    """

    outcome: Outcome
    records: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether nothing is known: the question may be answered later."""
        return self.outcome in ("servfail", "timeout")

    @property
    def void(self) -> bool:
        """Whether DNS said that there is nothing (RFC 7208 §4.6.4)."""
        return self.outcome in ("nothing", "nxdomain")


Lookup = Callable[[str, str], Answer]


class Unanswered(Exception):
    """A question to which no answer is known."""

    def __init__(self, name: str, kind: str) -> None:
        super().__init__(f"no answer to {kind} {name} is known")
        self.name = name
        self.kind = kind


class KnownAnswers:
    """A :data:`Lookup` over answers that were collected."""

    def __init__(self, answers: Iterable[tuple[str, str, Answer]] = ()) -> None:
        """``answers`` are name, type and what DNS said; of several to one question the last counts."""
        self._answers = {(plain_name(name), kind): answer for name, kind, answer in answers}

    def add(self, name: str, kind: str, answer: Answer) -> None:
        """Note an answer."""
        self._answers[plain_name(name), kind] = answer

    def __call__(self, name: str, kind: str) -> Answer:
        """What DNS said, or :class:`Unanswered`."""
        answer = self._answers.get((plain_name(name), kind))
        if answer is None:
            raise Unanswered(plain_name(name), kind)
        return answer


def look_up(lookup: Lookup, name: str, kind: str) -> Answer:
    """Ask for what can be asked for: a text that is no name of DNS has no records (RFC 7208 §4.3)."""
    name = plain_name(name)
    if not _is_name(name):
        return Answer("nxdomain")
    answer = lookup(name, kind)
    return Answer(answer.outcome, answer.records[:_MAX_RECORDS])


async def settled(
    judge: Callable[[Lookup], Verdict], ask: Callable[[str, str], Awaitable[Answer]], known: KnownAnswers | None = None
) -> Verdict:
    """Judge again and again, asking for what was missing, until nothing is.

    After :data:`MAX_QUESTIONS` every further one counts as unanswered by DNS.
    """
    known = known or KnownAnswers()
    for _ in range(MAX_QUESTIONS):
        try:
            return judge(known)
        except Unanswered as missing:
            known.add(missing.name, missing.kind, await ask(missing.name, missing.kind))

    def bounded(name: str, kind: str) -> Answer:
        try:
            return known(name, kind)
        except Unanswered:
            return Answer("timeout")

    return judge(bounded)


def plain_name(name: str) -> str:
    """A name in lower case, without the dot at its end (RFC 4343)."""
    return name.removesuffix(".").lower()


def txt(presentation: str) -> str:
    """A TXT record's strings, joined, from what a zone file has: ``"v=spf1 " "-all"`` (RFC 1035 §5.1)."""
    strings = (quoted if quoted or not bare else bare for quoted, bare in _STRING.findall(presentation))
    return "".join(_ESCAPE.sub(_octet, string) for string in strings)[:_MAX_TXT]


def _octet(escape: re.Match[str]) -> str:
    code = escape[1]
    return chr(int(code) & 0xFF) if code.isdigit() and len(code) == 3 else code


def _is_name(name: str) -> bool:
    return len(name) <= 253 and name.isascii() and all(0 < len(label) <= 63 for label in name.split("."))
