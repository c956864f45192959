"""The three phases of a connection."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Phase(StrEnum):
    """The three phases of a TCP connection that carries mail."""

    HANDSHAKE = "handshake"  # TCP's three segments, then the protocol's own greeting
    TRANSFER = "transfer"  # mail transactions, queries, retrieval
    CLOSURE = "closure"  # QUIT and its reply, FIN or RST


class PhaseSpan(Struct, frozen=True):
    """One phase of one connection."""

    phase: Phase
    start_ns: int
    end_ns: int
    first_frame: int
    last_frame: int
    packets: int
