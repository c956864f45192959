"""A lab held open for a Python program."""

from __future__ import annotations

import os
import ssl
import subprocess
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import TracebackType
from typing import IO

from testbed.bed.judging import check
from testbed.bed.reading import parsed, read_mailbox
from testbed.bed.running import run_inside
from testbed.bed.set_fault import SetFault
from testbed.errors import LabError, NoLabError, UsageError
from testbed.expect import Verdict
from testbed.keeper import LabSession, Order
from testbed.keeper.orders import Admit, Follow, LiftFault, Play, Settle
from testbed.keeper.orders import SetFault as FaultOrder
from testbed.lab.look import LabLook
from testbed.net.forward import HOME
from testbed.outcome import Outcome, Result, conclude
from testbed.played import Played
from testbed.scenario.in_code import step_in_code
from testbed.scenario.network_needs import NetworkKind
from testbed.scenario.problems import did_you_mean
from testbed.scenario.scenario import Scenario
from testbed.scenario.set_faults import as_json, fault_in_code, why_not_now
from testbed.serving import ListeningService, OpenedLab, speaker
from testbed.trace.analysis import Analysis
from testbed.variables import authority_file, inside_environment, outside_environment

_ENDING_S = 2.0  # its doors are closed first, and its trace is written


class Bed:
    """A lab that stays open until :meth:`close` or the end of its ``with``, and then its trace and results.

    Time is real while the lab is open.  It jumps, as in any scenario, during :meth:`play`, :meth:`send`,
    :meth:`wait`, :meth:`settle`, and :meth:`messages`, and whenever a program that :meth:`run` runs in scenario
    time sleeps.  Methods raise UsageError for what the lab does not have, and LabError if the lab has ended.
    """

    def __init__(
        self,
        scenario: Scenario,
        trace: Path,
        *,
        plays_steps: bool = True,
        network: NetworkKind = NetworkKind.PRIVATE,
    ) -> None:
        self.scenario = scenario
        self._destination = trace
        self._network = network
        self._faults: list[SetFault] = []
        folder, environment = Path.cwd(), dict(os.environ)
        order = Order(
            scenario, trace, folder, environment, float("inf"), held=True, plays_steps=plays_steps, network=network
        )
        self._session = LabSession(order)
        self._outcome: Outcome | None = None
        served = self._session.opened()
        if served is None:
            played = self._session.played()
            why = played.error or played.skipped or "the lab has ended before it was open"
            raise NoLabError(why) if played.no_lab or played.skipped else LabError(why)
        self._served: OpenedLab = served
        self._authority = authority_file(served, trace)

    def __repr__(self) -> str:
        return f"<lab '{self.scenario.title}', {'open' if self._outcome is None else self._outcome.result}>"

    def __enter__(self) -> Bed:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the lab and write its trace.  A lab that is closed stays closed.  Raises LabError."""
        if self._outcome is not None:
            return
        self._session.stop()
        self._outcome = conclude(self._session.played())
        if self._outcome.played.error:
            raise LabError(self._outcome.played.error)

    def end(self) -> None:
        """End the lab and write its trace without judging it.  Raises LabError if the lab broke off."""
        self._session.stop()
        played = self._session.played()
        if played.error:
            raise LabError(played.error)

    def check_open(self) -> None:
        """Raise LabError if the lab has ended by itself or by a signal: for callers that find a server gone."""
        if self._outcome is None and self._session.has_ended(_ENDING_S):
            raise LabError(self._session.played().error or "the lab ended before it was asked to")

    # -- while it is open ---------------------------------------------------------------------------

    @property
    def services(self) -> tuple[ListeningService, ...]:
        """The services in the lab, each with the port of this machine's loopback that leads to it."""
        return self._served.services

    def address(self, host: str, service: int | str = 25) -> tuple[str, int]:
        """Where to reach a service of a host from here, as address and port.

        ``service`` is its port in the lab, or its name: smtp, submission, pop3, imap, http …
        """
        self._known(host)
        there = [found for found in self.services if found.host == host]
        for found in there:
            if service in (found.port, found.name) and found.outside:
                return HOME, found.outside
        names = ", ".join(f"{found.port} ({found.name})" for found in there if found.outside)
        raise UsageError(
            f"{host} has no service {service}" + (f"; it has {names}" if names else "; nothing listens there")
        )

    @property
    def ca(self) -> Path:
        """The certificate of the authority that signed those of the lab's servers: a PEM file beside the trace.

        The servers' certificates are valid for their names, for localhost, and for 127.0.0.1, unless a fault
        says otherwise.  Raises UsageError if no server has a certificate.
        """
        if self._authority is None:
            raise UsageError(
                "no host of the lab has a certificate; say 'starttls: true' of the one that is to have one"
            )
        return self._authority

    def ssl_context(self) -> ssl.SSLContext:
        """A TLS context for clients that checks certificates and trusts only the lab's authority.

        Raises UsageError as :attr:`ca` does.
        """
        return ssl.create_default_context(cafile=str(self.ca))

    def environment(self, *, trust: bool = False) -> dict[str, str]:
        """The environment for a program outside the lab: TESTBED_SMTP_HOST, TESTBED_SMTP_PORT …, TESTBED_CA.

        With ``trust``, the variables that name authorities to TLS libraries have the value of TESTBED_CA.
        """
        return outside_environment(self.services, self._authority, trusts=trust)

    def play(self, step: Mapping[str, object]) -> None:
        """Play one more step, as written in scenarios: ``{"read": {"mailbox": "bob@someschool.edu", "via": "imap"}}``.

        Raises StepError if this lab cannot play it.
        """
        self._open()
        self._session.ask(Play(step_in_code(self.scenario, step)))

    def send(self, to: str | Sequence[str], **parts: object) -> None:
        """Send a message from a user agent of the lab; ``parts`` are those of the step ``send``: subject, body, size …

        ``sender`` stands for ``from``, which is a Python keyword.
        """
        if "sender" in parts:
            parts["from"] = parts.pop("sender")
        self.play({"send": {"to": to if isinstance(to, str) else list(to), **parts}})

    def wait(self, duration: str) -> None:
        """Let scenario time pass, at once: ``"40m"``, ``"5d"``."""
        self.play({"wait": duration})

    def empty(self, mailbox: str) -> None:
        """Delete everything in a mailbox, as its owner."""
        self.play({"empty": mailbox})

    def fault(self, said: Mapping[str, object] | None = None, /, **parts: object) -> SetFault:
        """Set a fault, as written in scenarios, from now on.  The result has ``lift()``, and ``with`` lifts it.

        ``from`` and ``until`` count from now.  To use keys that are Python keywords, give a mapping: ``{"host":
        "someschool.edu", "is": "silent"}``.  Raises UsageError for anything that is not a fault, or cannot be
        set in a running lab.
        """
        self._open()
        keys = {**(said or {}), **parts}
        fault = fault_in_code(self.scenario, keys)
        if why := why_not_now(self.scenario, fault, self._network):
            raise UsageError(why)
        number = self._session.set_fault(FaultOrder(fault, as_json(keys)))
        self._faults.append(SetFault(number, fault.describe(), self._lift))
        return self._faults[-1]

    @property
    def faults(self) -> tuple[SetFault, ...]:
        """The faults that were set, in order, including lifted ones."""
        return tuple(self._faults)

    def settle(self) -> None:
        """Return when no host has anything in progress: mail that was handed in is delivered, or waits in a queue."""
        self._open()
        self._session.ask(Settle())

    def messages(self, mailbox: str, folder: str = "INBOX") -> list[EmailMessage]:
        """The messages in a mailbox once everything has settled, oldest first.

        They are read by POP3, or by IMAP from a folder; the trace has these packets like any others.  Nothing is
        deleted.
        """
        return [parsed(octets) for octets in self.sources(mailbox, folder)]

    def run(
        self,
        command: Sequence[str],
        *,
        on: str | None = None,
        input: str | None = None,
        time_limit_s: float = 30.0,
        scenario_time: bool = False,
        trust: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program on a host of the lab (default: the first user agent's).  Its exit status is not judged.

        With ``scenario_time``, the program lives on the lab's clock, which jumps whenever all its processes
        sleep; with ``trust``, TLS libraries trust the lab's authority.  Raises LabError if the program takes
        more than ``time_limit_s`` seconds of real time, or if this machine has no scenario time for
        programs.  If there is no such program, the status is 127.
        """
        if on is not None:
            self._known(on)
        self._open()
        host = speaker(self.scenario, on)
        entry = self._session.admit(Admit(host, scenario_time))

        def started(process: int) -> None:
            if scenario_time:
                self._session.ask(Follow(process, entry))

        environment = inside_environment(entry, self.services, trusts=trust)
        return run_inside(entry, command, environment, input or "", time_limit_s, started)

    def look(self, after: int = 0) -> LabLook:
        """The current state: mailboxes, queues, and the last log lines after the given number."""
        self._open()
        return self._session.look(after)

    def sources(self, mailbox: str, folder: str = "INBOX") -> list[bytes]:
        """The octets of the messages that :meth:`messages` returns."""
        self.settle()
        return read_mailbox(self.scenario, mailbox, folder, self.address)

    def copy_trace(self, into: IO[bytes]) -> None:
        """Copy the trace so far, as a complete capture file, into a file that is open for writing."""
        self._open()
        self._session.copy_trace(into)

    def so_far(self) -> Outcome:
        """What the trace shows so far, judged as if the lab ended now; later packets can change it."""
        with NamedTemporaryFile(suffix=".pcapng") as file:
            self.copy_trace(file)
            file.flush()
            return conclude(Played(self.scenario, Path(file.name), 0.0))

    # -- when it is closed --------------------------------------------------------------------------

    @property
    def outcome(self) -> Outcome:
        """The outcome of the lab.  Raises UsageError while the lab is open."""
        if self._outcome is None:
            raise UsageError("the lab is still open: its trace is judged when it has ended, after the 'with'")
        return self._outcome

    @property
    def trace(self) -> Path:
        """The trace, which exists once the lab has ended."""
        return self._destination

    @property
    def analysis(self) -> Analysis:
        """What the inspector understood of the trace."""
        analysis = self.outcome.analysis
        if analysis is None:
            raise LabError(f"{self._destination}: nothing was captured")
        return analysis

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts on the expectations, on the faults (each must have struck), and on the conservation of mail."""
        judgement = self.outcome.judgement
        return () if judgement is None else (*judgement.expectations, *judgement.always)

    @property
    def held(self) -> bool:
        """Whether all verdicts held."""
        return self.outcome.result is Result.HELD

    def check(self) -> None:
        """Close the lab.  Raises NotHeld, with the evidence, if a verdict did not hold."""
        __tracebackhide__ = True
        self.close()
        check(self.outcome)

    def _lift(self, number: int) -> None:
        self._open()
        self._session.ask(LiftFault(number))

    def _open(self) -> None:
        if self._outcome is not None:
            raise UsageError("the lab has ended; what is to be done in it stands inside the 'with'")

    def _known(self, host: str) -> None:
        if host not in self.scenario.hosts and not any(found.host == host for found in self.services):
            raise UsageError(f"there is no host '{host[:60]}' in the lab{did_you_mean(host, self.scenario.hosts)}")
