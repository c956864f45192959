"""What clients are told of labs, as values that JSON and the OpenAPI document are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from testbed.bed import Bed
from testbed.control.labs import ControlledLab, environment_of
from testbed.durations import SECOND
from testbed.expect import Verdict
from testbed.lab.journal import LogLine
from testbed.lab.look import HostLook
from testbed.net.forward import HOME
from testbed.outcome import Outcome
from testbed.scenario.hosts import MailHostSpec
from testbed.trace.certain import certain
from testbed.trace.model.finding import Finding


@dataclass(frozen=True, slots=True)
class LabName:
    """A lab; ``state`` is ``open`` or ``ended``."""

    id: str
    title: str
    state: str


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A service of a host, and the address and port of this machine that lead there; ``port`` is 0 for none."""

    host: str
    name: str
    inside: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class QueuedView:
    """A recipient to whom a host owes a message; it tries again in ``due_seconds`` of scenario time."""

    sender: str
    recipient: str
    message_id: str
    attempts: int
    due_seconds: float


@dataclass(frozen=True, slots=True)
class MailboxCount:
    """A mailbox, and how many messages lie in it, all folders together."""

    address: str
    messages: int


@dataclass(frozen=True, slots=True)
class MailboxView:
    """A mailbox, where it is, and with what its owner logs in."""

    address: str
    host: str
    user: str
    password: str


@dataclass(frozen=True, slots=True)
class HostView:
    """A host; ``program`` tells that a program of the user's plays it, into whose mailboxes and queue nobody looks."""

    name: str
    role: str
    address: str
    program: bool
    runs: bool
    mailboxes: tuple[MailboxCount, ...]
    queue: tuple[QueuedView, ...]


@dataclass(frozen=True, slots=True)
class FaultView:
    """A fault that was set while the lab runs, by its number."""

    number: int
    description: str
    lifted: bool


@dataclass(frozen=True, slots=True)
class LogView:
    """A line of the log, ``seconds`` of scenario time after everybody was there."""

    number: int
    seconds: float
    host: str
    event: str
    message: str


@dataclass(frozen=True, slots=True)
class LabView:
    """A lab as it is now; while something that takes long is done in it (``busy``), as it was before.

    ``log`` is what was logged behind the line that was asked for, the last thousand lines at most.
    """

    id: str
    title: str
    state: str
    busy: bool
    seconds: float
    services: tuple[ServiceView, ...]
    hosts: tuple[HostView, ...]
    faults: tuple[FaultView, ...]
    log: tuple[LogView, ...]


@dataclass(frozen=True, slots=True)
class EnvironmentView:
    """The variables that programs are told of the lab by, and the certificate (PEM) of its authority, or null."""

    variables: dict[str, str]
    certificate: str | None


@dataclass(frozen=True, slots=True)
class FindingView:
    """A sentence of the inspector's; ``certain`` where no later packet can take it back."""

    code: str
    severity: str
    text: str
    frames: tuple[int, ...]
    certain: bool


@dataclass(frozen=True, slots=True)
class FindingsView:
    """The inspector's findings; ``so_far`` while the lab is open."""

    so_far: bool
    findings: tuple[FindingView, ...]


@dataclass(frozen=True, slots=True)
class VerdictView:
    """Whether something held, and why; what is not ``judged`` could not be seen."""

    what: str
    held: bool
    judged: bool
    why: str
    frames: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class VerdictsView:
    """The verdicts on what the scenario expects, and on what always holds.

    ``so_far``: as if the lab ended now; what has not held yet may still come, and what holds may break.
    """

    so_far: bool
    result: str
    expectations: tuple[VerdictView, ...]
    checks: tuple[VerdictView, ...]


def name_view(lab: ControlledLab) -> LabName:
    """A lab in a list."""
    return LabName(lab.number, lab.bed.scenario.title, "open" if lab.outcome is None else "ended")


def lab_view(lab: ControlledLab, after: int) -> LabView:
    """A lab as it is now."""
    seen, busy = lab.look(after)
    name = name_view(lab)
    return LabView(
        name.id,
        name.title,
        name.state,
        busy,
        seen.now_ns / SECOND,
        services_view(lab.bed),
        tuple(map(_host, seen.hosts)),
        faults_view(lab.bed),
        tuple(_line(line) for line in seen.log if line.number > after),
    )


def services_view(bed: Bed) -> tuple[ServiceView, ...]:
    """All that listens."""
    return tuple(
        ServiceView(one.host, one.name, f"{one.address}:{one.port}", HOME if one.outside else "", one.outside)
        for one in bed.services
    )


def faults_view(bed: Bed) -> tuple[FaultView, ...]:
    """The faults that were set."""
    return tuple(FaultView(fault.number, fault.description, fault.lifted) for fault in bed.faults)


def environment_view(bed: Bed) -> EnvironmentView:
    """What programs are told."""
    variables = environment_of(bed)
    return EnvironmentView(variables, bed.ca.read_text("ascii") if "TESTBED_CA" in variables else None)


def mailboxes_view(bed: Bed) -> tuple[MailboxView, ...]:
    """All mailboxes."""
    return tuple(
        MailboxView(f"{user}@{host.domain}", name, user, mailbox.password_to_read)
        for name, host in bed.scenario.hosts.items()
        if isinstance(host, MailHostSpec)
        for user, mailbox in host.mailboxes.items()
    )


def findings_view(outcome: Outcome, *, so_far: bool, now_ns: int) -> FindingsView:
    """The findings of a trace, which are certain by a time where the lab is open."""
    analysis = outcome.analysis
    if analysis is None:
        return FindingsView(so_far, ())
    if not so_far:
        return FindingsView(so_far, tuple(_finding(one, sure=True) for one in analysis.findings))
    told = {(one.number, found.text) for one in certain(analysis, now_ns, ()) for found in one.findings}

    def sure(finding: Finding) -> bool:
        """What is found across connections may look otherwise when more are there."""
        return bool(finding.connections) and all((number, finding.text) in told for number in finding.connections)

    return FindingsView(so_far, tuple(_finding(one, sure=sure(one)) for one in analysis.findings))


def verdicts_view(outcome: Outcome, *, so_far: bool) -> VerdictsView:
    """The verdicts on a trace."""
    judgement = outcome.judgement
    always: Sequence[Verdict] = judgement.always if judgement is not None else ()
    expected: Sequence[Verdict] = judgement.expectations if judgement is not None else ()
    return VerdictsView(so_far, str(outcome.result), tuple(map(_verdict, expected)), tuple(map(_verdict, always)))


def _host(seen: HostLook) -> HostView:
    queue = tuple(QueuedView(one.sender, one.recipient, one.message_id, one.attempts, one.due_s) for one in seen.queue)
    boxes = tuple(MailboxCount(address, count) for address, count in seen.mailboxes)
    return HostView(seen.name, seen.role, seen.address, seen.program, seen.runs, boxes, queue)


def _line(line: LogLine) -> LogView:
    return LogView(line.number, line.at_ns / SECOND, line.host, line.event, line.message)


def _finding(finding: Finding, *, sure: bool) -> FindingView:
    return FindingView(finding.code, str(finding.severity), finding.text, finding.frames, sure)


def _verdict(verdict: Verdict) -> VerdictView:
    return VerdictView(verdict.what, verdict.held, verdict.judged, verdict.why, verdict.frames)
