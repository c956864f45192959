"""Who a message is from: what a mail server checks, and what it does with what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field

from testbed.authentication.words import ACTIONS, AS_PUBLISHED, RESULTS, Check, Receiver
from testbed.protocols.address import is_host_name
from testbed.scenario.base import Rate
from testbed.scenario.faults.reply import ReplyText, check_smtp_reply
from testbed.scenario.host_spec import HostSpec
from testbed.scenario.host_words import CHECKS
from testbed.scenario.mailboxes import Local
from testbed.scenario.names import Names
from testbed.scenario.problems import Found, did_you_mean

if TYPE_CHECKING:
    from testbed.scenario.scenario import Scenario

_OUTCOMES = tuple(f"{check} {result}" for check, results in RESULTS.items() for result in results)


def _as_list(value: object) -> object:
    return (value,) if isinstance(value, str) else value


_NAMES = Field(max_length=20)
DomainNames = Annotated[tuple[str, ...], _NAMES, BeforeValidator(_as_list, json_schema_input_type=str | list[str])]


class Checking(HostSpec):
    """What a mail server checks of mail that strangers bring."""

    checks: tuple[Annotated[Check, CHECKS], ...] = Field(
        default=(),
        description="What it checks of mail from strangers: spf, dkim, dmarc, arc, ptr, dnsbl. It writes what it finds "
        "into the message (Authentication-Results, RFC 8601).",
        examples=[["spf", "dkim", "dmarc"]],
    )
    policy: dict[str, ReplyText] = Field(
        default_factory=dict,
        description="What it does with a result: accept, junk, refuse, later, a reply, or 'as published' with DMARC.",
        examples=[{"spf softfail": "junk", "dkim none": "550 5.7.20 Sign your mail"}],
    )
    block_lists: DomainNames = Field(
        default=(), description="The zones of the block lists that it asks for dnsbl.", examples=[["bl.example"]]
    )
    trusted_sealers: DomainNames = Field(
        default=(),
        description="Domains whose ARC seals it believes: what they saw pass DMARC is not refused for failing it.",
        examples=[["lists.example"]],
    )

    persona: Receiver | None = Field(
        default=None,
        description="The large receiver whose published rules and replies it has, as we read them.",
    )
    bulk: Rate | None = Field(
        default=None,
        description="How many messages of one author's domain make a bulk sender for a persona: 3 per 1d (default: "
        "its own number, which is 5,000 a day).",
    )
    reports: Local | None = Field(
        default=None,
        description="The user of its own whose mailbox sends reports: DMARC's aggregate reports (RFC 9990), and a "
        "relay's on TLS (RFC 8460), at the end of each day of the scenario. Without it, it reports nothing.",
        examples=["postmaster"],
    )

    @property
    def domains(self) -> tuple[str, ...]:
        """The block lists."""
        return (*super().domains, *self.block_lists)

    def problems(self, names: Names) -> Found:
        """Checks that lack what they need, and wishes for what cannot be found."""
        yield from super().problems(names)
        if "dnsbl" in self.checks and not self.block_lists:
            yield ("checks",), "dnsbl asks block lists; name their zones in 'block_lists'"
        if self.block_lists and "dnsbl" not in self.checks:
            yield ("block_lists",), "nobody asks these block lists; add dnsbl to 'checks'"
        if self.trusted_sealers and self.persona is None and not {"arc", "dmarc"} <= set(self.checks):
            yield ("trusted_sealers",), "seals count where 'checks' has both arc and dmarc"
        for key in ("checks", "policy", "block_lists"):
            if self.persona is not None and getattr(self, key):
                yield (key,), f"the persona {self.persona} brings its own; leave one of the two away"
        if self.bulk is not None and self.persona is None:
            yield ("bulk",), "only a persona has other rules for bulk senders; name one"
        if self.reports is not None and self.persona is None and "dmarc" not in self.checks:
            yield from self._nothing_to_report()
        users = {address.partition("@")[0] for address in self.traits.mailboxes}
        if self.reports is not None and self.reports not in users:
            problem = f"{self.name} has no mailbox '{self.reports}' to send reports from; add it to 'mailboxes'"
            yield ("reports",), problem
        for key in ("block_lists", "trusted_sealers"):
            for place, name in enumerate(getattr(self, key)):
                if not is_host_name(name):
                    yield (key, place), f"'{name[:60]}' is not a domain name"
        yield from _of_policy(self.policy, self.checks)

    def _nothing_to_report(self) -> Found:
        """Why somebody who does not check DMARC has nothing to report, if so."""
        yield ("reports",), "reports are about DMARC; add dmarc to 'checks'"


def checks_mail(scenario: Scenario) -> bool:
    """Whether a host of the lab checks who mail is from."""
    return any(
        isinstance(host, Checking) and (host.checks or host.persona) and not host.is_program
        for host in scenario.hosts.values()
    )


def _of_policy(policy: Mapping[str, str], checks: tuple[Check, ...]) -> Found:
    for outcome, wish in policy.items():
        if outcome not in _OUTCOMES:
            near = did_you_mean(outcome, _OUTCOMES)
            yield ("policy", outcome), f"'{outcome[:40]}' is not what a check finds, such as 'spf fail'{near}"
        elif outcome.split()[0] not in checks:
            yield ("policy", outcome), f"{outcome.split()[0]} is not checked; add it to 'checks'"
        elif problem := _of_wish(outcome, wish):
            yield ("policy", outcome), problem


def _of_wish(outcome: str, wish: str) -> str:
    if wish == AS_PUBLISHED and outcome != "dmarc fail":
        return f"'{AS_PUBLISHED}' is for 'dmarc fail': nothing else is published"
    if wish in ACTIONS:
        return ""
    try:
        check_smtp_reply(wish)
    except ValueError:
        near = did_you_mean(wish, ACTIONS)
        return f"'{wish[:40]}' is none of {', '.join(ACTIONS)}, and no reply such as 550 5.7.1 No{near}"
    return "" if wish[0] in "45" else f"'{wish[:40]}' refuses nothing; write e.g. 550 5.7.1 No"
