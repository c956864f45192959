"""Every fault did its work: it struck as often as the scenario says, and each time that counts it had an effect."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from testbed.errors import UsageError
from testbed.expect.crashes import why_without_effect
from testbed.expect.others import of_others
from testbed.expect.verdict import Verdict
from testbed.plural import times
from testbed.protocols import events
from testbed.scenario.faults import DialogueFault, Fault, HostFault, TlsFault
from testbed.scenario.scenario import Scenario
from testbed.scenario.set_faults import fault_in_code, set_at
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import AnyEntry, LogEntry, of
from testbed.trace.services.table import service_within


def judge_faults(scenario: Scenario, analysis: Analysis) -> list[Verdict]:
    """A verdict on each fault, in the order of the file."""
    return [_judge(fault, scenario, analysis) for fault in scenario.faults]


def with_faults_set(scenario: Scenario, log: Iterable[AnyEntry]) -> Scenario:
    """The scenario with the faults besides that were set while its lab ran; all that is judged knows of them."""
    added = []
    for entry in of(log, events.FaultSet):
        with contextlib.suppress(UsageError, ValueError):  # of a later version, or a trace that somebody has changed
            said = json.loads(entry.event.fault)
            fault = fault_in_code(scenario, said if isinstance(said, dict) else {})
            added.append(set_at(fault, entry.event.number, entry.event.at_ns))
    return scenario.model_copy(update={"faults": (*scenario.faults, *added)}) if added else scenario


def _judge(fault: Fault, scenario: Scenario, analysis: Analysis) -> Verdict:
    struck = [entry for entry in of(analysis.log, events.Fault) if entry.event.line == fault.line]
    held, why = _found(fault, struck, scenario, analysis)
    frames = tuple(entry.frame for entry in struck)
    line = max(0, fault.line)
    verdict = Verdict(f"fault: {fault.describe()}", held, why, frames, line, scenario.file_of("faults"))
    return verdict if held or not of_others(scenario, "faults") else replace(verdict, held=True, judged=False)


def _why_not(fault: Fault, analysis: Analysis) -> str:
    """Why a fault at a program may not have been reached, as the end of a sentence."""
    at = fault.at if isinstance(fault, DialogueFault) else fault.tls if isinstance(fault, TlsFault) else ""
    unread = [entry for entry in of(analysis.log, events.TlsUnread) if entry.host == at]
    return f"; {unread[0].message} (frame {unread[0].frame})" if unread else ""


def _in_clear(fault: Fault, analysis: Analysis) -> str:
    """That nobody wanted the TLS that is to go wrong, where the trace shows what clients said, all of it in clear."""
    if not isinstance(fault, TlsFault):
        return ""
    came = [
        one
        for one in analysis.connections
        if one.server.label == fault.tls and fault.service in (None, *service_within(one.service).names)
    ]
    spoke = any(said.command is not None and said.command.frames for one in came for said in one.exchanges)
    if not spoke or any(one.tls is not None for one in came):
        return ""
    return (
        f"; whoever spoke to {fault.tls} did so in clear: a relay uses TLS with 'tls: required' or "
        "'tls: opportunistic', a user agent with 'tls: starttls'"
    )


def _found(
    fault: Fault, struck: Sequence[LogEntry[events.Fault]], scenario: Scenario, analysis: Analysis
) -> tuple[bool, str]:
    if not struck:
        unseen = _unseen(fault, analysis) or _why_not(fault, analysis) or _in_clear(fault, analysis)
        which = f"the fault at line {fault.line}" if fault.line >= 0 else f"fault {-fault.line}, set while the lab ran,"
        return False, f"{which} was never reached{unseen}"
    vain = Counter(entry.event.vain for entry in struck if entry.event.vain)
    if isinstance(fault, HostFault) and fault.is_ == "crashed":
        vain = Counter(filter(None, [why_without_effect(scenario, fault.host, one, analysis) for one in struck]))
    effects = len(struck) - vain.total()
    if not effects:
        return False, f"it struck {times(len(struck))} but changed nothing: {vain.most_common(1)[0][0]}"
    if effects < fault.least:
        besides = f", and {times(vain.total())} without changing anything" if vain else ""
        remedy = f"give it more time, or write 'up to {fault.least}' if fewer will do"
        return False, f"it struck only {effects} of {fault.least} times{besides}; {remedy}"
    return True, f"it took effect {times(effects)}"


def _unseen(fault: Fault, analysis: Analysis) -> str:
    """Why the wire may not have seen the moment at which a host was to crash."""
    if not isinstance(fault, HostFault) or fault.moment is None:
        return ""
    under_tls = any(
        connection.tls is not None and fault.host == (connection.client if fault.as_client else connection.server).label
        for connection in analysis.connections
    )
    return f"; {fault.host} spoke TLS, under which the wire sees no commands" if under_tls else ""
