"""Names in zone faults that nobody asks for, or that stand for no address."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.protocols.address import domain_of
from testbed.scenario.document import Path
from testbed.scenario.faults import ZoneFault
from testbed.scenario.hosts import MailHostSpec
from testbed.scenario.problems import did_you_mean
from testbed.scenario.scenario import Scenario
from testbed.scenario.steps import SendStep


def zone_problems(scenario: Scenario, fault: ZoneFault, path: Path) -> Iterator[tuple[Path, str]]:
    """What is wrong with one zone fault, which stands at ``path``."""
    known = _asked(scenario)
    zone = fault.zone.lower().rstrip(".")
    above = not fault.holds and any(name.endswith(f".{zone}") for name in known)
    if zone not in known and not above:
        yield (*path, "zone"), f"nobody asks for '{zone[:60]}'{did_you_mean(zone, known)}"
    for number, record in enumerate(fault.held):
        if record.kind not in ("A", "AAAA") or record.is_address:
            continue
        place = (*path, "records", number)
        if record.name not in scenario.hosts:
            near = did_you_mean(record.name, scenario.hosts)
            yield place, f"{record.kind} needs an address or a host of the lab, not '{record.name[:60]}'{near}"
        elif scenario.ip not in ({"A": "ipv4", "AAAA": "ipv6"}[record.kind], "both"):
            yield place, f"{record.name} has no such address in this lab; say 'ip: both'"


def _asked(scenario: Scenario) -> set[str]:
    """The names somebody may ask for: hosts, domains, domains of recipients, names that records lead to."""
    hosts = scenario.hosts.items()
    return {
        *(name.lower() for name, _ in hosts),
        *(host.domain.lower() for _, host in hosts if isinstance(host, MailHostSpec)),
        *(domain_of(to) for step in scenario.steps if isinstance(step, SendStep) for to in step.recipients),
        *(record.name for fault in scenario.faults if isinstance(fault, ZoneFault) for record in fault.held),
    }
