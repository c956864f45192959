"""Flows whose first octets tell more than their port does are left to exact code."""

from __future__ import annotations

import numpy as np

from testbed.pcap.records import distinct, gather
from testbed.protocols import tunnels
from testbed.protocols.proxy_header import BEGINNINGS
from testbed.trace.glance.batch import Batch, Bools
from testbed.trace.glance.lines import Octets
from testbed.trace.services.table import SERVICES

_OCTETS = 8
_TLS = (b"\x16\x03", b"\x15\x03")
_PROXIED = tuple(beginning[:_OCTETS] for beginning in (*BEGINNINGS, *tunnels.BEGINNINGS))
_TELLING = (*(opening for service in SERVICES for opening in service.openings), *_TLS, *_PROXIED)


def telling(batch: Batch, fresh: Bools, data: Octets) -> None:
    """Marks the flows whose first octets, from either side, may be those of a protocol that is followed."""
    at = np.flatnonzero(fresh)
    key = batch.flow[at] * 2 + batch.server[at]
    _, first = np.unique(key, return_index=True)
    at = at[first]
    heads = gather(data, batch.payload[at], _OCTETS)
    heads[np.arange(_OCTETS) >= batch.length[at, None]] = 0
    found, index = distinct(heads)
    odd = np.array([tells(row.tobytes()) for row in found], np.bool_)
    batch.odd[batch.flow[at[odd[index]]]] = True


def tells(head: bytes) -> bool:
    """Whether the first eight octets of a side, filled up with NUL, may be those of a protocol that is followed."""
    return head.endswith(b"\0") or head.upper().startswith(_TELLING)
