"""What hosts are set to do, as far as a scenario says: by this the rules know when a host departs from it."""

from __future__ import annotations

from testbed.scenario.faults import DialogueFault
from testbed.scenario.hosts import ReceiverSpec, RelaySpec, UserAgentSpec
from testbed.scenario.program_hosts import Configured
from testbed.scenario.programs import RunStep
from testbed.scenario.scenario import Scenario
from testbed.scenario.security import EVERY_DOMAIN, TlsPolicies
from testbed.scenario.talk import TalkStep

_IMPLICIT_TLS = 465


def settings(scenario: Scenario, host: str) -> Configured:
    """Those of a host of the lab's own, or what a program's ``configured`` says; what nobody knows is left out."""
    spec = scenario.hosts.get(host)
    if spec is None or spec.is_program:
        return (spec.configured if spec is not None else None) or Configured()
    if isinstance(spec, RelaySpec):
        retry, give_up, max_hops = min(spec.retry), spec.give_up, spec.max_hops
        return Configured.model_construct(retry=retry, give_up=give_up, max_hops=max_hops, tls=spec.tls)
    if isinstance(spec, ReceiverSpec):
        return Configured.model_construct(max_hops=spec.max_hops)
    if isinstance(spec, UserAgentSpec):
        insists = spec.tls == "starttls" or spec.port == _IMPLICIT_TLS
        tls: TlsPolicies = {EVERY_DOMAIN: "required"} if insists else {}
        return Configured.model_construct(retry=spec.retry, tls=tls)
    return Configured()


def meddled_with(scenario: Scenario, host: str) -> bool:
    """Whether the scenario itself makes the host do something as a client, by a talk, a command that runs or a fault.

    A command may tell its queue to run, too.
    """
    agent = isinstance(scenario.hosts.get(host), UserAgentSpec)
    return any(
        (isinstance(step, RunStep) and step.on == host) or (isinstance(step, TalkStep) and step.sender == host)
        for step in scenario.steps
    ) or any(
        isinstance(fault, DialogueFault) and fault.at == host and (agent or fault.as_ == "client")
        for fault in scenario.faults
    )
