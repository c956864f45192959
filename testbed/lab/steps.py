"""What a scenario's steps do to a running lab.  A new step is a ``case`` here."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import assert_never

from testbed.durations import SECOND
from testbed.hosts.composition import draft_of
from testbed.hosts.talking import talk
from testbed.lab.context import LabContext
from testbed.lab.early_end import POLL_S, EarlyEnd
from testbed.lab.hosts import LabHosts
from testbed.lab.program_step import run_program
from testbed.plural import count
from testbed.protocols import events
from testbed.scenario.hosts import MailHostSpec, UserAgentSpec
from testbed.scenario.programs import RunStep
from testbed.scenario.readers import mailbox_hosts, reader_of, webmail_of
from testbed.scenario.steps import EmptyStep, ReadStep, SendStep, Step, WaitStep
from testbed.scenario.talk import TalkStep


class Steps:
    """Plays steps in a lab whose hosts run."""

    def __init__(self, lab: LabContext, hosts: LabHosts, early_end: EarlyEnd) -> None:
        self._lab = lab
        self._hosts = hosts
        self._early_end = early_end

    async def play(self, step: Step) -> None:
        """Do what a step says.  Raises StepError when it cannot be done here."""
        match step:
            case SendStep():
                draft = draft_of(step, Path(self._lab.scenario.file_of("steps")).parent)
                await self._hosts.agent(step.via or self._agent_of(step.sender)).send(draft)
            case WaitStep():
                await self._wait(step.duration / SECOND)
            case ReadStep():
                await self._read(step)
            case TalkStep():
                await talk(self._hosts.site(step.sender), step, self._lab.addresses[step.to][0])
            case RunStep():
                await run_program(self._lab, step, self._hosts.program(step.on or ""))
            case EmptyStep():
                self._empty(step)
            case _:
                assert_never(step)

    async def _wait(self, seconds: float) -> None:
        """Let time pass; where programs make that dear, only until everything that is expected has happened."""
        until = self._lab.loop.time() + seconds
        while self._hosts.time_is_real and self._lab.loop.time() < until:
            if self._hosts.all_are_back and self._early_end.reached():
                return
            await asyncio.sleep(min(POLL_S, max(0.0, until - self._lab.loop.time())))
        left = max(0.0, until - self._lab.loop.time())
        if self._lab.loop.programs is None:
            await asyncio.sleep(left)
        else:
            await self._early_end.reached_by_the_restless(left, lambda: self._hosts.all_are_back)

    async def settle(self, seconds: float) -> None:
        """Wait until all promised mail is delivered or given back, so long at most."""
        if self._hosts.time_is_real:
            await self._wait(seconds)
        else:
            await self._early_end.settled(seconds, lambda: self._hosts.next_due_s)

    async def _read(self, step: ReadStep) -> None:
        await self._hosts.settled()  # mail that is on its way is there before it is looked for
        name = mailbox_hosts(self._lab.scenario)[step.mailbox]
        host = self._lab.scenario.hosts[name]
        assert isinstance(host, MailHostSpec)
        password = step.password or host.mailboxes[step.mailbox.partition("@")[0]].password_to_read
        server = webmail_of(self._lab.scenario, name) if step.via == "web" else name
        await self._hosts.agent(reader_of(self._lab.scenario, step) or "").read(step, server or name, password)

    def _empty(self, step: EmptyStep) -> None:
        host, mailbox = self._hosts.mailbox(step.mailbox)
        messages = mailbox.empty()
        self._lab.journal.of(host)(
            events.Emptied(mailbox=step.mailbox, messages=messages),
            f"the mailbox of <{step.mailbox}> is emptied of {count(messages, 'message')}",
        )

    def _agent_of(self, sender: str) -> str:
        return next(
            name
            for name, host in self._lab.scenario.hosts.items()
            if isinstance(host, UserAgentSpec) and host.address == sender
        )
