"""A whole scenario."""

from __future__ import annotations

import hashlib
import re
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PrivateAttr, field_validator, model_validator

from testbed.scenario.base import Part, PeopleWait
from testbed.scenario.expectations import AnyExpectation, Expectation
from testbed.scenario.faults import AnyFault
from testbed.scenario.hosts import AnyHost
from testbed.scenario.lab_network import LOOPBACK_NETWORK, MOST_HOSTS, TEST_NET, of_hosts
from testbed.scenario.matrix import Matrix
from testbed.scenario.problems import Problem
from testbed.scenario.programs import RunStep
from testbed.scenario.reach import Reach
from testbed.scenario.steps import AnyStep

_LONGEST_NAME, _DIGITS = 200, 8  # octets, which leave room for what stands before and behind in the names of files


class Scenario(Part):
    """What a YAML file says, defaults filled in."""

    title: str = Field(
        min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$", description="What it is called in reports."
    )
    about: str = Field(default="", description="A sentence on what it shows.")
    rfc: str = Field(default="", description="The section that says what must happen.", examples=["RFC 5321 §4.5.4.1"])
    like: str = Field(
        default="",
        description="The file of another scenario: what this one does not say, it takes over from there.",
        examples=["../mailbox-full.yaml", "$failure.yaml"],
    )
    needs: tuple[Annotated[str, Field(pattern=r"^[\w.+/-]+$", max_length=100)], ...] = Field(
        default=(),
        description="Programs that must be installed, 'root' for its rights; where one is missing, it is skipped.",
    )
    seed: int = Field(default=0, strict=True, ge=0, lt=2**63, description="Makes random choices repeatable.")
    compress: int = Field(
        default=1,
        strict=True,
        ge=1,
        le=1_000_000,
        description="Divides the durations of steps, faults, hosts and expectations, for programs in real time.",
        examples=[1800],
    )
    ip: Literal["ipv4", "ipv6", "both"] = Field(default="ipv4", description="Which addresses the hosts have.")
    addresses: Annotated[IPv4Network, AfterValidator(of_hosts)] | None = Field(
        default=None,
        description="The network of the hosts: 127.0.0.0/8, or 256 addresses, with 2001:db8::/64 beside.  "
        "Default: 192.0.2.0/24 where a program plays a host, else 127.0.0.0/8.",
        examples=["192.0.2.0/24"],
    )
    matrix: Matrix = Field(
        default_factory=Matrix,
        description="Parameters and their values: a scenario for each combination, '$name' standing for the value.",
        examples=[{"command": ["MAIL", "RCPT", "DATA"]}],
    )
    hosts: dict[str, AnyHost] = Field(default_factory=dict, description="Hosts that differ from the textbook's.")
    faults: tuple[AnyFault, ...] = Field(default=(), description="What goes wrong.")
    steps: tuple[AnyStep, ...] = Field(min_length=1, description="What happens, in order.")
    expect: tuple[AnyExpectation, ...] = Field(min_length=1, description="What must hold at the end.")
    settle: PeopleWait | None = Field(
        default=None,
        description="After the steps, wait until all promised mail has been delivered or given back; so long at most.",
        examples=["6d"],
    )
    ours: tuple[AnyExpectation, ...] = Field(
        default=(),
        description="What must hold besides where all mail servers are the lab's own: what they do as a matter of "
        "taste, where the RFCs leave it open.",
    )

    @field_validator("faults", mode="before")
    @classmethod
    def _none_yet(cls, value: object) -> object:
        return () if value is None else value

    @model_validator(mode="after")
    def _room_for_all(self) -> Scenario:
        if not self.network.is_loopback and len(self.hosts) > MOST_HOSTS:
            raise ValueError(f"{self.network} has room for {MOST_HOSTS} hosts; say 'addresses: {LOOPBACK_NETWORK}'")
        return self

    _file: str = PrivateAttr(default="")
    _reach: Reach = PrivateAttr(default_factory=Reach)
    _text: str = PrivateAttr(default="")
    _case: str = PrivateAttr(default="")
    _case_values: tuple[str, ...] = PrivateAttr(default=())
    _files: dict[str, str] = PrivateAttr(default_factory=dict)
    _host_files: dict[str, tuple[str, int]] = PrivateAttr(default_factory=dict)
    _former: tuple[Problem, ...] = PrivateAttr(default=())
    _foreseen_besides: tuple[Expectation, ...] = PrivateAttr(default=())

    @property
    def file(self) -> str:
        """The path it was loaded from, as the user gave it."""
        return self._file

    @property
    def reach(self) -> Reach:
        """Which files it may name."""
        return self._reach

    @property
    def case(self) -> str:
        """Which case of the file's matrix it is: ``command=MAIL, then=reset``; empty where there is no matrix."""
        return self._case

    @property
    def name(self) -> str:
        """The name of its file without suffix, and the values of its case: ``cut-MAIL-reset``.

        Files are named after it, and file systems take 255 octets: a longer name ends in a digest of the whole.
        """
        words = (re.sub(r"[^\w.]+", "-", value).strip("-") for value in self._case_values)
        name = "-".join((Path(self._file).stem, *words))
        octets = name.encode("utf-8", "surrogateescape")
        if len(octets) <= _LONGEST_NAME:
            return name
        digest = hashlib.sha256(octets).hexdigest()[:_DIGITS]
        cut = octets[: _LONGEST_NAME - _DIGITS - 1].decode("utf-8", "ignore").rstrip("-")
        return f"{cut}-{digest}"

    @property
    def former(self) -> tuple[Problem, ...]:
        """What it says in words that the language had before, with the present ones."""
        return self._former

    @property
    def has_programs(self) -> bool:
        """Whether programs of the user's play hosts."""
        return any(host.is_program for host in self.hosts.values())

    @property
    def expected(self) -> dict[str, tuple[Expectation, ...]]:
        """What is judged, by the key under which it stands."""
        foreign = any(host.is_program and "mail server" in host.nouns for host in self.hosts.values())
        return {"expect": self.expect, "ours": () if foreign else self.ours}

    @property
    def foreseen(self) -> tuple[Expectation, ...]:
        """All it says must hold, of any server or of the lab's own: what it expects is no surprise to rules.

        One that was rewritten without expectations foresees what the one it was made from expects.
        """
        return (*self.expect, *self.ours, *self._foreseen_besides)

    @property
    def expects_nothing(self) -> bool:
        """Whether it was rewritten so, to be explored: only what always holds is judged."""
        return not self.expect

    @property
    def is_code(self) -> bool:
        """Whether programs of the user's run in it, as hosts or as steps."""
        return self.has_programs or any(isinstance(step, RunStep) for step in self.steps)

    @property
    def network(self) -> IPv4Network:
        """The network of its hosts."""
        return self.addresses or (TEST_NET if self.has_programs else LOOPBACK_NETWORK)

    @property
    def may_share_clock(self) -> bool:
        """Whether a program, as a host or as a step, is to live in scenario time where that can be had."""
        return self.must_share_clock or any(host.is_program and host.time is None for host in self.hosts.values())

    @property
    def must_share_clock(self) -> bool:
        """Whether a program is to live in scenario time, or the lab is none."""
        runs = [step for step in self.steps if isinstance(step, RunStep)]
        programs = [host for host in self.hosts.values() if host.is_program]
        return any(program.time == "scenario" for program in (*runs, *programs))

    @property
    def text(self) -> str:
        """The source; behind it that of the scenario it is like, where there is one."""
        return self._text

    def file_of(self, key: str) -> str:
        """The file its ``faults``, ``steps`` … stand in: its own, or that of a scenario it is like."""
        return self._files.get(key, self._file)

    def place_of_files(self, host: str) -> tuple[str, int]:
        """The file that says a host's ``files``, and the line; 0 where none does."""
        return self._host_files.get(host, (self._file, 0))

    def folder_of_files(self, host: str) -> Path:
        """The folder that the name of a host's ``files`` is relative to: where the text that gives it lies."""
        return Path(self.place_of_files(host)[0]).parent
