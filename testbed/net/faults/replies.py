"""Packets that never arrive and are answered by somebody: by a router (ICMP), or as if by an end (RST)."""

from __future__ import annotations

from testbed.net import forge
from testbed.net.faults.action import Action, Deed
from testbed.net.faults.copies import lose
from testbed.net.packet import Packet


def reset(ends: str) -> Deed:
    """The packet vanishes and RST goes to its ``sender``, to its ``receiver``, or to ``both``."""

    def deed(packet: Packet, now_ns: int) -> Action:
        if not packet.is_tcp:
            return lose(packet, now_ns)
        answers = []
        if ends in ("sender", "both"):
            answers.append(forge.reset_to_sender(packet))
        if ends in ("receiver", "both"):
            answers.append(forge.reset_to_receiver(packet))
        return Action(f"{packet.kind} lost, connection reset ({ends})", copies=0, answers=tuple(answers), lost=True)

    return deed


def unreachable(what: str) -> Deed:
    """The packet vanishes and a router says why: one of :data:`testbed.net.forge.UNREACHABLE`."""

    def deed(packet: Packet, now_ns: int) -> Action:
        answer = forge.unreachable(packet, what)
        return Action(f"{packet.kind} lost, {what} unreachable (ICMP)", copies=0, answers=(answer,), lost=True)

    return deed


def too_big(limit: int) -> Deed:
    """The packet vanishes and a router says how large one may be (RFC 1191, RFC 8201)."""

    def deed(packet: Packet, now_ns: int) -> Action:
        what = f"{packet.kind} of {len(packet.data)} octets lost, at most {limit} pass (ICMP)"
        return Action(what, copies=0, answers=(forge.too_big(packet, limit),), lost=True)

    return deed
