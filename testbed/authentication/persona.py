"""Receivers that behave as large ones say they do: a table of rules each, with the source and the day it was read.

These are our reading of public rules, and no more: what large receivers really do, they do not publish.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from msgspec import Struct

from testbed.authentication.judge import Judgement
from testbed.authentication.policy import Decision, vouching
from testbed.authentication.words import Check

_FOLDER = Path(__file__).parent / "personas"


class Rule(Struct, frozen=True):
    """What refuses (a row of :data:`CONDITIONS`), and with which reply; ``bulk`` rules are for bulk senders only."""

    when: str
    reply: str
    bulk: bool
    source: str
    read: str


class Persona(Struct, frozen=True):
    """``bulk`` is how many messages of one author's domain in how many seconds make a bulk sender.

    ``bulk_source`` and ``bulk_read`` say where that stands, and when it was read there.
    """

    name: str
    checks: tuple[Check, ...]
    bulk: tuple[int, int]
    bulk_source: str
    bulk_read: str
    rules: tuple[Rule, ...]


class Circumstances(Struct, frozen=True):
    """What is known of a delivery besides its message: whether it came by TLS, and of a bulk sender."""

    tls: bool
    bulk: bool
    trusted_sealers: tuple[str, ...] = ()


@cache
def persona(name: str) -> Persona:
    """The persona of a name of :data:`~testbed.authentication.words.Receiver`."""
    said = tomllib.loads((_FOLDER / f"{name}.toml").read_text("utf-8"))
    rules = tuple(
        Rule(row["when"], row["reply"], row.get("bulk", False), row["source"], row["read"]) for row in said["rules"]
    )
    bulk = said["bulk"]
    span = bulk["messages"], bulk["hours"] * 3600
    return Persona(said["name"], tuple(said["checks"]), span, bulk["source"], bulk["read"], rules)


Condition = Callable[[Judgement, Circumstances], bool]


def _spf(judgement: Judgement) -> bool:
    return judgement.spf is not None and judgement.spf.result == "pass"


def _dkim(judgement: Judgement) -> bool:
    return any(one.result == "pass" for one in judgement.dkim or ())


def _dmarc(judgement: Judgement, *results: str) -> bool:
    return judgement.dmarc is not None and judgement.dmarc.result in results


CONDITIONS: dict[str, Condition] = {
    "not one author": lambda judgement, _: bool(judgement.author.problem),
    "no ptr": lambda judgement, _: judgement.ptr is not None and judgement.ptr.result in ("fail", "permerror"),
    "dmarc unknown": lambda judgement, _: _dmarc(judgement, "temperror"),
    "dmarc reject": lambda judgement, _: judgement.dmarc is not None and judgement.dmarc.policy == "reject",
    "neither spf nor dkim": lambda judgement, _: not _spf(judgement) and not _dkim(judgement),
    "no tls": lambda _, circumstances: not circumstances.tls,
    "no spf": lambda judgement, _: not _spf(judgement),
    "no dkim": lambda judgement, _: not _dkim(judgement),
    "no dmarc": lambda judgement, _: _dmarc(judgement, "none"),
    "not aligned": lambda judgement, _: _dmarc(judgement, "fail"),
}
"""What a rule can be about.  A new condition is a row here."""

_ABOUT_DMARC = frozenset(("dmarc reject", "not aligned"))


def decide(who: Persona, judgement: Judgement, circumstances: Circumstances) -> Decision:
    """The first rule that refuses; what the author's domain wants in quarantine is junk."""
    overridden = ""
    vouched = vouching(judgement, circumstances.trusted_sealers)
    for rule in who.rules:
        if (rule.bulk and not circumstances.bulk) or not CONDITIONS[rule.when](judgement, circumstances):
            continue
        if rule.when in _ABOUT_DMARC and vouched:
            overridden = f"{vouched} saw it pass"
            continue
        reply = rule.reply.format_map(_words(judgement))
        return Decision(
            "later" if reply.startswith("4") else "refuse", reply, rule.when, f"a rule of {who.name}: {rule.when}"
        )
    if judgement.dmarc is not None and judgement.dmarc.policy == "quarantine" and not vouched:
        return Decision("junk", "", "dmarc fail", judgement.dmarc.reason)
    return Decision(overridden=overridden)


def _words(judgement: Judgement) -> dict[str, str]:
    offer = judgement.offer
    sender = offer.mail_from.rpartition("@")[2] or offer.helo
    plain = {"domain": judgement.author.domain, "client": offer.client, "sender": sender}
    return {
        key: "".join(c if c.isprintable() and c.isascii() else "?" for c in value)[:100] for key, value in plain.items()
    }
