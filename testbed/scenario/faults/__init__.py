"""The faults a scenario can inject: where + when + what.

A kind of fault is one file here and a row of :data:`KINDS`, told by the key that says where.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Discriminator, Tag

from testbed.scenario.base import Part
from testbed.scenario.faults.dialogue import DialogueFault, Stage
from testbed.scenario.faults.host import HostFault, LinkFault
from testbed.scenario.faults.mailbox import MailboxFault
from testbed.scenario.faults.policy import PolicyFault
from testbed.scenario.faults.tls import TlsFault
from testbed.scenario.faults.wire import WireFault
from testbed.scenario.faults.zone import ZoneFault

__all__ = [
    "KINDS",
    "AnyFault",
    "DialogueFault",
    "Fault",
    "HostFault",
    "LinkFault",
    "MailboxFault",
    "PolicyFault",
    "Stage",
    "TlsFault",
    "WireFault",
    "ZoneFault",
]

Fault = DialogueFault | HostFault | LinkFault | MailboxFault | WireFault | ZoneFault | TlsFault | PolicyFault

KINDS: dict[str, type[Part]] = {
    "at": DialogueFault,
    "host": HostFault,
    "link": LinkFault,
    "mailbox": MailboxFault,
    "between": WireFault,
    "zone": ZoneFault,
    "tls": TlsFault,
    "policy": PolicyFault,
}
"""Kinds of fault by the key that tells them apart."""


def _kind(value: object) -> str | None:
    if isinstance(value, dict):
        return next((key for key in KINDS if key in value), None)
    return next((key for key, kind in KINDS.items() if isinstance(value, kind)), None)


AnyFault = Annotated[
    Annotated[DialogueFault, Tag("at")]
    | Annotated[HostFault, Tag("host")]
    | Annotated[LinkFault, Tag("link")]
    | Annotated[MailboxFault, Tag("mailbox")]
    | Annotated[WireFault, Tag("between")]
    | Annotated[ZoneFault, Tag("zone")]
    | Annotated[TlsFault, Tag("tls")]
    | Annotated[PolicyFault, Tag("policy")],
    Discriminator(
        _kind,
        custom_error_type="fault_without_place",
        custom_error_message="a fault says where: "
        "'at' a server, 'host', 'mailbox', 'link', 'between' two hosts, 'zone', 'tls', or 'policy'",
    ),
]
