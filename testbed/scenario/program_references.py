"""What cannot be asked of hosts that are programs: faults in their dialogue, steps that reach into them."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.scenario.document import Path
from testbed.scenario.faults import DialogueFault, HostFault, TlsFault, ZoneFault
from testbed.scenario.hosts import NameServerSpec, UserAgentSpec
from testbed.scenario.problems import did_you_mean
from testbed.scenario.program_hosts import placeholders, ports_of
from testbed.scenario.programs import RunStep
from testbed.scenario.readers import mailbox_hosts, reader_of
from testbed.scenario.scenario import Scenario
from testbed.scenario.steps import EmptyStep, ReadStep, SendStep
from testbed.scenario.talk import TalkStep

Found = Iterator[tuple[Path, str]]


def commands_of(scenario: Scenario) -> list[str]:
    """Every command of the scenario as a line: those of its steps and those of its hosts."""
    return [
        *(step.line_of_words for step in scenario.steps if isinstance(step, RunStep)),
        *(" ".join(host.command) for host in scenario.hosts.values() if host.command is not None),
    ]


def program_problems(scenario: Scenario) -> Found:
    """Every impossible demand on a program, at its own place."""
    programs = {name for name, host in scenario.hosts.items() if host.is_program}
    yield from _hosts(scenario, programs)
    if programs:
        yield from _faults(scenario, programs)
        yield from _steps(scenario, programs)


def _hosts(scenario: Scenario, programs: set[str]) -> Found:
    for name, host in scenario.hosts.items():
        for key in host.unheeded:
            path: Path = ("hosts", name, *key.split(".", 2))
            yield path, f"{name} is a program, and '{key}' is for the lab's own hosts; say it in its configuration"
        words = [*(host.command or ()), *host.environment.values()]
        words += host.files.values() if isinstance(host.files, dict) else []
        for other in sorted({other for word in words for _, other in placeholders(word) if other}):
            if other not in scenario.hosts:
                near = did_you_mean(other, scenario.hosts)
                yield ("hosts", name), f"there is no host '{other[:60]}' for a placeholder to be about{near}"
        if isinstance(host, UserAgentSpec) and host.server in programs:
            ports = ports_of(scenario.hosts[host.server])
            if host.port not in ports:
                at = ", ".join(map(str, ports)) or "none"
                problem = f"{host.server} does not say that it listens on port {host.port} (but on {at})"
                yield ("hosts", name, "port"), f"{problem}; say 'listens: [{host.port}]' there, or another port here"


def _faults(scenario: Scenario, programs: set[str]) -> Found:
    for number, fault in enumerate(scenario.faults):
        path: Path = ("faults", number)
        match fault:
            case DialogueFault() if fault.at in programs:
                problem = f"{fault.at} is a program, and says what it says; put the fault at its peer ('at: "
                yield (*path, "at"), problem + "…'), or on the wire between them ('between: […]')"
            case HostFault() if fault.host in programs and fault.is_ == "full-disk":
                yield (*path, "is"), f"{fault.host} is a program, whose disk is yours; only its network can be faulty"
            case TlsFault() if fault.tls in programs:
                problem = f"{fault.tls} is a program, and makes its TLS itself"
                yield (*path, "tls"), f"{problem}; give it the wrong certificate in its 'files'"
            case ZoneFault() if any(isinstance(scenario.hosts[name], NameServerSpec) for name in programs):
                yield path, "the name server is a program, and answers what it answers; have it answer so"


def _steps(scenario: Scenario, programs: set[str]) -> Found:
    agents = {host.address: name for name, host in scenario.hosts.items() if isinstance(host, UserAgentSpec)}
    boxes = mailbox_hosts(scenario)
    for number, step in enumerate(scenario.steps):
        path: Path = ("steps", number, step.kind)
        match step:
            case SendStep() if (step.via or agents.get(step.sender)) in programs:
                yield path, f"{step.via or agents[step.sender]} is a program, and sends when it likes"
            case ReadStep() if reader_of(scenario, step) in programs:
                yield path, f"{reader_of(scenario, step)} is a program, and reads when it likes"
            case TalkStep() if step.sender in programs:
                yield (*path, "from"), f"{step.sender} is a program, and speaks for itself; let another host talk"
            case EmptyStep() if boxes.get(step.mailbox) in programs:
                yield path, f"{boxes[step.mailbox]} is a program; only it, or a 'run' step, can empty its mailboxes"
