"""The faults a scenario can inject: where + when + what.

A kind of fault is one file here and a row of :data:`KINDS`, told by the key that says where.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Discriminator, Tag

from testbed.scenario.base import Part
from testbed.scenario.faults.dialogue import DialogueFault, Stage
from testbed.scenario.faults.host import HostFault
from testbed.scenario.faults.tls import TlsFault
from testbed.scenario.faults.wire import WireFault

__all__ = ["KINDS", "AnyFault", "DialogueFault", "Fault", "HostFault", "Stage", "TlsFault", "WireFault"]

Fault = DialogueFault | HostFault | WireFault | TlsFault

KINDS: dict[str, type[Part]] = {
    "at": DialogueFault,
    "host": HostFault,
    "between": WireFault,
    "tls": TlsFault,
}
"""Kinds of fault by the key that tells them apart."""


def _kind(value: object) -> str | None:
    if isinstance(value, dict):
        return next((key for key in KINDS if key in value), None)
    return next((key for key, kind in KINDS.items() if isinstance(value, kind)), None)


AnyFault = Annotated[
    Annotated[DialogueFault, Tag("at")]
    | Annotated[HostFault, Tag("host")]
    | Annotated[WireFault, Tag("between")]
    | Annotated[TlsFault, Tag("tls")],
    Discriminator(
        _kind,
        custom_error_type="fault_without_place",
        custom_error_message="a fault says where: 'at' a server, 'host', 'between' two hosts, or 'tls' of a server",
    ),
]
