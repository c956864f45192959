"""What a scenario's steps do to a running lab.  A new step is a ``case`` here."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from testbed.hosts.client import talk
from testbed.hosts.composition import draft_of
from testbed.lab.crew import Crew
from testbed.lab.facts import Briefing
from testbed.lab.journal import LAB, Journal
from testbed.lab.patience import LOOK_S, Patience
from testbed.lab.programs import Place, run_program
from testbed.net.clock import ScenarioLoop
from testbed.protocols.events import Event
from testbed.scenario.hosts import MailHostSpec, UserAgentSpec
from testbed.scenario.programs import RunStep
from testbed.scenario.readers import mailbox_hosts, reader_of, webmail_of
from testbed.scenario.scenario import Scenario
from testbed.scenario.steps import EmptyStep, ReadStep, SendStep, Step, WaitStep
from testbed.scenario.talk import TalkStep

_NS = 1_000_000_000


class Stage:
    """Where steps are played."""

    def __init__(
        self,
        scenario: Scenario,
        addresses: Mapping[str, tuple[str, ...]],
        crew: Crew,
        loop: ScenarioLoop,
        journal: Journal,
        briefing: Briefing,
        patience: Patience,
    ) -> None:
        self._scenario = scenario
        self._addresses = addresses
        self._crew = crew
        self._loop = loop
        self._journal = journal
        self._briefing = briefing
        self._patience = patience

    async def play(self, step: Step) -> None:
        """Do what a step says.  Raises StepError when it cannot be done here."""
        match step:
            case SendStep():
                draft = draft_of(step, Path(self._scenario.file_of("steps")).parent)
                await self._crew.agent(step.via or self._agent_of(step.sender)).send(draft)
            case WaitStep():
                await self._wait(step.duration / _NS)
            case ReadStep():
                await self._read(step)
            case TalkStep():
                await talk(self._crew.site(step.sender), step, self._addresses[step.to][0])
            case RunStep():
                log = self._journal.of(step.on or LAB)
                await run_program(self._scenario, step, self._place_of(step.on or ""), self._loop, log)
            case EmptyStep():
                self._empty(step)

    async def _wait(self, seconds: float) -> None:
        """Let time pass; while programs run, no longer than until everything that is expected has happened."""
        until = self._loop.time() + seconds
        while self._crew.programs_live and self._loop.time() < until:
            if self._patience.fulfilled():
                return
            await asyncio.sleep(min(LOOK_S, max(0.0, until - self._loop.time())))
        await asyncio.sleep(max(0.0, until - self._loop.time()))

    def _place_of(self, host: str) -> Place:
        program = self._crew.program(host)
        facts, environment = self._briefing.facts(host), self._briefing.environment(host)
        return Place(self._addresses[host], facts, environment, program.room if program else None)

    async def _read(self, step: ReadStep) -> None:
        await self._crew.settled()  # mail that is on its way is there before it is looked for
        name = mailbox_hosts(self._scenario)[step.mailbox]
        host = self._scenario.hosts[name]
        assert isinstance(host, MailHostSpec)
        password = step.password or host.mailboxes[step.mailbox.partition("@")[0]].password_to_read
        server = webmail_of(self._scenario, name) if step.via == "web" else name
        await self._crew.agent(reader_of(self._scenario, step) or "").read(step, server or name, password)

    def _empty(self, step: EmptyStep) -> None:
        host, mailbox = self._crew.mailbox(step.mailbox)
        count = mailbox.empty()
        self._journal.of(host)(
            Event.EMPTIED,
            f"the mailbox of <{step.mailbox}> is emptied of {count} messages",
            mailbox=step.mailbox,
            messages=count,
        )

    def _agent_of(self, sender: str) -> str:
        return next(
            name
            for name, host in self._scenario.hosts.items()
            if isinstance(host, UserAgentSpec) and host.address == sender
        )
