"""DNS and its kin on the local network as services."""

from __future__ import annotations

from functools import partial

from testbed.trace.model.connection import Ending
from testbed.trace.model.exchange import Exchange, Transaction
from testbed.trace.services.dns.dialogue import DnsDialogue
from testbed.trace.services.dns.findings import failed_lookups, odd_records
from testbed.trace.services.dns.outcome import outcome_of_questions
from testbed.trace.services.dns.sentences import odd_answers
from testbed.trace.services.dns.silence import silent_servers
from testbed.trace.services.messages import OnMessage
from testbed.trace.services.service import Port, Service


def _dialogue(*, stream: bool, show_credentials: bool = False, on_message: OnMessage | None = None) -> DnsDialogue:
    return DnsDialogue(stream=stream)


def _outcome(exchanges: tuple[Exchange, ...], transactions: tuple[Transaction, ...], ending: Ending) -> str:
    return outcome_of_questions(exchanges)


DNS = Service(
    names=("dns",),
    ports=(Port(53, "dns"), Port(53, "dns", "udp")),
    stream=partial(_dialogue, stream=True),
    datagrams=partial(_dialogue, stream=False),
    questions=True,
    outcome=_outcome,
    findings=(failed_lookups, odd_records),
    across=(silent_servers,),
    remarks=odd_answers,
)
MDNS = Service(
    names=("mdns",),
    ports=(Port(5353, "mdns", "udp"),),
    datagrams=partial(_dialogue, stream=False),
    questions=True,
    outcome=_outcome,
)
LLMNR = Service(names=("llmnr",), ports=(Port(5355, "llmnr", "udp"),), questions=True, outcome=_outcome)
