"""What happens to packets on their way."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from testbed.durations import MILLISECOND, format_duration
from testbed.plural import ordinal
from testbed.scenario.base import Duration, Size
from testbed.scenario.faults.times import Times, most
from testbed.scenario.faults.when import When
from testbed.scenario.glossary import Glossary
from testbed.scenario.names import Names
from testbed.scenario.naming import HostName
from testbed.scenario.problems import Found

COUNTING = ("lose", "duplicate", "corrupt", "truncate", "zero_window")
"""Acts whose value is how often they happen."""
ONCE = ("delay", "reorder", "reset", "unreachable", "forget")
"""Acts that happen once where it is not said how often, as they did before the language had one rule for it."""
_LARGEST = 1500  # octets of an IP packet in the lab's network
_MOST_RATE = 1_000_000_000  # octets a second, which no lab sends
_ACTS = (*COUNTING, "jitter", "bandwidth", "mtu", *ONCE)

_PACKETS = Glossary(
    {
        "SYN": "opens a connection",
        "SYN-ACK": "the server's answer to SYN",
        "third ACK": "completes the handshake",
        "ACK": "only acknowledges",
        "data": "has payload",
        "FIN": "says that its sender has said all",
        "last ACK": "acknowledges the second FIN",
        "RST": "resets a connection",
        "any": "any of them, and what belongs to no connection: DNS over UDP",
    }
)
_PHASES = Glossary(
    {
        "handshake": "up to the third ACK",
        "transfer": "after the third ACK",
        "closure": "from the first FIN or RST on",
    }
)
_FORGETTING = Glossary({"silence": "packets vanish", "reset": "packets are answered with RST"})


class WireFault(When):
    """What happens to packets from one host to another, in this direction only.

    ``packets``, ``phase``, ``octet`` and ``larger_than`` choose among the packets; exactly one of the other keys says
    what happens to those chosen.  ``nth`` counts the chosen packets, repeated ones too.  How often is the value of
    ``lose``, ``duplicate``, ``corrupt``, ``truncate``, and ``zero_window``; with all others it is in ``times``.
    """

    between: tuple[HostName, HostName] = Field(description="[sender of the packets, host they are for]")
    packets: Annotated[
        Literal["SYN", "SYN-ACK", "third ACK", "ACK", "data", "FIN", "last ACK", "RST", "any"], _PACKETS
    ] = Field(default="any", description="Which packets.")
    phase: Annotated[Literal["handshake", "transfer", "closure"], _PHASES] | None = Field(
        default=None, description="Only packets of this phase of their connection."
    )
    octet: int | None = Field(
        default=None,
        strict=True,
        ge=1,
        description="Only the packet that carries this octet of what its sender says on a connection, counted from 1.",
    )
    larger_than: Size | None = Field(
        default=None, lt=_LARGEST, description="Only IP packets of more octets than this; they have 1500 at most."
    )
    lose: Times | None = Field(default=None, description="How many matching packets vanish.")
    delay: Duration | None = Field(
        default=None, ge=MILLISECOND, description="How long a matching packet is held back; no less than 1ms."
    )
    jitter: Duration | None = Field(
        default=None,
        ge=MILLISECOND,
        description="At most how long each matching packet is held back, at random; the order stays.",
    )
    duplicate: Times | None = Field(default=None, description="How many matching packets arrive twice.")
    reorder: int | None = Field(
        default=None, strict=True, ge=1, description="Behind how many later packets a matching packet arrives."
    )
    corrupt: Times | None = Field(
        default=None, description="In how many matching packets a bit is flipped; their receiver discards them."
    )
    truncate: Times | None = Field(
        default=None, description="How many matching packets lose their second half; their receiver discards them."
    )
    reset: Literal["both", "sender", "receiver"] | None = Field(
        default=None, description="The packet vanishes and RST goes to these ends of its connection."
    )
    unreachable: (
        Literal["net", "host", "protocol", "port", "source route", "net prohibited", "host prohibited", "prohibited"]
        | None
    ) = Field(default=None, description="The packet vanishes, and a router says that this cannot be reached (ICMP).")
    mtu: int | None = Field(
        default=None,
        strict=True,
        ge=68,
        lt=_LARGEST,
        description="Larger packets vanish, and a router says how many octets pass (ICMP); see also 'larger_than'.",
    )
    bandwidth: Size | None = Field(
        default=None,
        ge=1,
        le=_MOST_RATE,
        description="How many octets pass in a second, 1 GB at most; the others queue.",
    )
    zero_window: Times | None = Field(
        default=None, description="How many matching packets say that their sender takes no more octets for now."
    )
    forget: Annotated[Literal["silence", "reset"], _FORGETTING] | None = Field(
        default=None,
        description=(
            "A router on the way forgets the packet's connection: nothing of it passes any more, in either direction."
        ),
    )
    times: Times | None = Field(
        default=None,
        description="How many matching packets: 3, 'up to 3', or 'always'. "
        f"Leave it out beside {', '.join(COUNTING)}, which say it themselves.",
    )

    @model_validator(mode="before")
    @classmethod
    def _once_unless_said(cls, data: object) -> object:
        if isinstance(data, dict) and "times" not in data and any(data.get(act) is not None for act in ONCE):
            return {**data, "times": 1}
        return data

    @field_validator("between", mode="before")
    @classmethod
    def _two_hosts(cls, value: object) -> object:
        if isinstance(value, list) and len(value) != 2:
            raise ValueError("'between' names two hosts: [sender of the packets, host they are for]")
        return value

    @model_validator(mode="after")
    def _one_action(self) -> WireFault:
        acts = [name for name in _ACTS if getattr(self, name) is not None]
        if len(acts) != 1:
            raise ValueError(f"a wire fault does one thing: {', '.join(_ACTS[:-1])} or {_ACTS[-1]}")
        if self.times is not None and acts[0] in COUNTING:
            raise ValueError(f"'{acts[0]}' says how many itself; leave 'times' out")
        if self.octet is not None and self.packets not in ("data", "FIN", "any"):
            raise ValueError("'octet' chooses a packet with payload; leave 'packets' out, or write data")
        return self

    @property
    def act(self) -> str:
        """The key that says what happens."""
        return next(name for name in _ACTS if getattr(self, name) is not None)

    @property
    def how_often(self) -> int | str | None:
        """How many packets it happens to, None for all."""
        found: int | str | None = getattr(self, self.act) if self.act in COUNTING else self.times
        return found if most(found) is not None else None

    @property
    def pause(self) -> int:
        """While a packet is held back."""
        return max(self.delay or 0, self.jitter or 0)

    def problems(self, names: Names) -> Found:
        """Packets that are on no wire."""
        if self.between[0] == self.between[1]:
            yield ("between",), "no packet goes from a host to itself over the wire"

    def describe(self) -> str:
        """One line in words."""
        chance = f" with a chance of {self.chance * 100:g} %" if self.chance < 1 else ""
        ends = f"from {self.between[0]} to {self.between[1]}"
        return f"{self._which()} {ends} {self._what()}{chance}{self.window()}"

    def _which(self) -> str:
        kind = "packet" if self.packets == "any" else self.packets
        if self.count is None:
            which = f"every {kind}" + (f" from the {ordinal(self.nth)} on" if self.nth > 1 else "")
        elif self.count == 1:
            which = f"{kind} {self.nth}"
        else:
            last = self.nth + self.count - 1
            which = f"{kind} {self.nth} to {last}" + ("" if self.least > 1 else " at most")
        return which + "".join(
            [
                f" with octet {self.octet}" if self.octet is not None else "",
                f" of more than {self.larger_than} octets" if self.larger_than is not None else "",
                f" of the {self.phase}" if self.phase is not None else "",
                f" of connection {self.connection}" if self.connection is not None else "",
            ]
        )

    def _what(self) -> str:
        several = self.count is not None and self.count > 1
        words = {
            "lose": "are lost" if several else "is lost",
            "duplicate": "duplicated",
            "corrupt": "corrupted",
            "truncate": "truncated",
            "zero_window": "made to close the window",
            "delay": f"delayed by {format_duration(self.delay or 0)}",
            "jitter": f"delayed at random by up to {format_duration(self.jitter or 0)}",
            "reorder": f"held back behind {self.reorder} later",
            "reset": f"lost and its connection reset ({self.reset})",
            "unreachable": f"lost, {self.unreachable} unreachable (ICMP)",
            "mtu": f"lost if larger than {self.mtu} octets, and a router says so (ICMP)",
            "bandwidth": f"queued, {self.bandwidth} octets a second",
            "forget": f"lost and its connection forgotten ({self.forget})",
        }
        return words[self.act]
