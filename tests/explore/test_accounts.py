"""The inspector against the hosts: an account that differs from the log is red, whichever of the two was altered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest
from msgspec.structs import replace

from testbed.explore.oracles.senders_account import senders_account
from testbed.explore.oracles.servers_account import servers_account
from testbed.protocols import events
from testbed.protocols.events import LogEvent
from testbed.scenario.load import parse
from testbed.scenario.reach import Reach
from testbed.trace.analysis import Analysis
from testbed.trace.inspect import inspect
from testbed.trace.model.log import AnyEntry
from tests.traces import SOME, traces_of

Altered = Callable[[LogEvent], LogEvent | None]


@cache
def analysed(trace: Path) -> Analysis:
    return inspect(trace)


def contradictions(analysis: Analysis) -> list[str]:
    assert analysis.lab is not None
    scenario = parse(analysis.lab.scenario, analysis.lab.file, analysis.lab.case, Reach(anywhere=True))
    return [b.why for oracle in (senders_account, servers_account) for b in oracle(scenario, analysis)]


def said_otherwise(kind: type[LogEvent], **values: object) -> Altered:
    """The first event of a kind says something else."""
    done = []

    def alter(event: LogEvent) -> LogEvent | None:
        if not isinstance(event, kind) or done:
            return event
        done.append(event)
        return kind(**{field.name: getattr(event, field.name) for field in fields(kind)} | values)

    return alter


def left_out(kind: type[LogEvent]) -> Altered:
    """No event of a kind is in the log."""
    return lambda event: None if isinstance(event, kind) else event


def with_log(analysis: Analysis, alter: Altered) -> Analysis:
    log: list[AnyEntry] = []
    for entry in analysis.log:
        event = alter(entry.event) if entry.event is not None else None
        if event is not None or entry.event is None:
            log.append(replace(entry, event=event))
    return replace(analysis, log=tuple(log))


@pytest.mark.parametrize("trace", SOME, ids=lambda trace: trace.stem)
def test_in_the_reference_traces_account_and_log_agree(trace: Path) -> None:
    assert contradictions(analysed(trace)) == []


@pytest.mark.parametrize(
    ("scenario", "alter", "told"),
    [
        (
            "mailbox-full",
            said_otherwise(events.Deferred, status="450 4.2.1 Busy"),
            "crepes.fr notes '450 4.2.1' for bob@someschool.edu, and no server has said so by the account",
        ),
        (
            "mailbox-full",
            said_otherwise(events.Deferred, status="4.4.2 the connection was lost"),
            "crepes.fr notes '4.4.2' for bob@someschool.edu, and by the account someschool.edu said '452 4.2.2'",
        ),
        (
            "mailbox-full",
            said_otherwise(events.Deferred, status="4.4.1 connection refused"),
            "crepes.fr notes '4.4.1' for bob@someschool.edu, and by the account someschool.edu said '452 4.2.2'",
        ),
        (
            "mailbox-full",
            said_otherwise(events.Refused, status="550 5.1.1 User unknown"),
            "someschool.edu logs that it refused bob@someschool.edu with '550 5.1.1 User unknown', and did not",
        ),
        (
            "delivered",
            said_otherwise(events.Relayed, recipient="carol@someschool.edu"),
            "crepes.fr notes '250 2.0.0' for carol@someschool.edu, and no server has taken it",
        ),
        (
            "delivered",
            said_otherwise(events.Submitted, recipients=("carol@someschool.edu",)),
            "alice.crepes.fr notes '2' for carol@someschool.edu, and no server has taken it",
        ),
        ("delivered", left_out(events.Attempt), ""),
        (
            "delivered",
            said_otherwise(events.Attempt, recipients=("carol@someschool.edu",)),
            "crepes.fr tried bob@someschool.edu at someschool.edu, and logs no attempt then",
        ),
        (
            "delivered",
            left_out(events.Accepted),
            "by the account crepes.fr took <1.",
        ),
        (
            "delivered",
            said_otherwise(events.Accepted, message_id="<another@crepes.fr>"),
            "crepes.fr logs that it took <another@crepes.fr> from <alice@crepes.fr> for bob@someschool.edu, and nobody",
        ),
        (
            "delivered",
            said_otherwise(events.Answered, rcode="SERVFAIL"),
            "ns.lab logs SERVFAIL to crepes.fr. IN A, and by the account it said NOERROR",
        ),
        (
            "delivered",
            said_otherwise(events.Answered, question="elsewhere.org. IN A"),
            "ns.lab logs NOERROR to elsewhere.org. IN A, and by the account nobody has asked that",
        ),
        (
            "unknown-user",
            said_otherwise(events.Bounced, status="4.4.7"),
            "crepes.fr notes '4.4.7' for bill@someschool.edu, and by the account someschool.edu said '550 5.1.1'",
        ),
        (
            "second-mx",
            said_otherwise(events.HopFailed, status="4.4.2 the connection was lost"),
            "crepes.fr notes '4.4.2 the connection was lost' of ",
        ),
        (
            "second-mx",
            said_otherwise(events.HopFailed, status="421 4.3.2 Closing"),
            "crepes.fr notes '421 4.3.2 Closing' of ",
        ),
    ],
)
def test_a_log_that_says_otherwise_is_a_contradiction(scenario: str, alter: Altered, told: str) -> None:
    found = contradictions(with_log(analysed(traces_of(scenario)[0]), alter))
    assert any(one.startswith(told) for one in found) if told else found == []
