"""Passwords of those who read mail do not go in clear where a step insists on TLS (RFC 8314 §3)."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.explore.ran import Breach
from testbed.scenario.readers import reader_of
from testbed.scenario.scenario import Scenario
from testbed.scenario.steps import ReadStep
from testbed.trace.analysis import Analysis
from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import Exchange

WHAT = "no password goes in clear where TLS is required (RFC 8314 §3)"
_TELLS = ("PASS", "LOGIN", "AUTH", "AUTHENTICATE")


def readers_secrets(scenario: Scenario, analysis: Analysis) -> Iterator[Breach]:
    """A reader logged in before TLS, or without it, at a server of which its step asks for TLS."""
    steps = [step for step in scenario.steps if isinstance(step, ReadStep)]
    insist = {(reader_of(scenario, step), step.via) for step in steps if step.tls != "none"}
    insist -= {(reader_of(scenario, step), step.via) for step in steps if step.tls == "none"}
    for connection in analysis.connections:
        if (connection.client.label, connection.service.removesuffix("s")) not in insist:
            continue
        for exchange in connection.exchanges:
            if exchange.command is not None and exchange.command.verb in _TELLS and _in_clear(connection, exchange):
                why = f"{connection.client.label} said {exchange.command.verb} to {connection.server.label} in clear"
                yield Breach(WHAT, f"{why}, although TLS is required", exchange.frames[:1])


def _in_clear(connection: Connection, exchange: Exchange) -> bool:
    tls = connection.tls
    return tls is None or not tls.version or (not tls.implicit and exchange.frames[0] < tls.hello_frame)
