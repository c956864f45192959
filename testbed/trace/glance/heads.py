"""Flows whose first octets tell more than their port does are left to exact code."""

from __future__ import annotations

import numpy as np

from testbed.pcap.records import distinct, gather
from testbed.protocols.services import service_by_content
from testbed.trace.glance.batch import Batch, Bools
from testbed.trace.glance.lines import Octets

_OCTETS = 8
_TLS = (b"\x16\x03", b"\x15\x03")
# What a service recognised by its content begins with, from the client or from the server, in capital letters.
_TELLING = (b"EHLO", b"HELO", b"LHLO", b"MAIL", b"* ", b"+OK", *_TLS)


def telling(batch: Batch, fresh: Bools, data: Octets) -> None:
    """Marks the flows whose first octets, from either side, may be those of a protocol that is followed."""
    at = np.flatnonzero(fresh)
    key = batch.flow[at] * 2 + batch.server[at]
    _, first = np.unique(key, return_index=True)
    at = at[first]
    heads = gather(data, batch.payload[at], _OCTETS)
    heads[np.arange(_OCTETS) >= batch.length[at, None]] = 0
    found, index = distinct(heads)
    odd = np.array([_tells(row.tobytes()) for row in found], np.bool_)
    batch.odd[batch.flow[at[odd[index]]]] = True


def _tells(head: bytes) -> bool:
    short = head.endswith(b"\0")
    known = service_by_content(head, b"") or service_by_content(b"", head)
    return short or bool(known) or head.upper().startswith(_TELLING)
