"""A host that is nobody's mail server."""

from __future__ import annotations

from typing import Literal

from testbed.scenario.host_spec import HostSpec


class ClientSpec(HostSpec):
    """A stranger with an address and a name, who says what a 'talk' step writes."""

    role: Literal["client"] = "client"
