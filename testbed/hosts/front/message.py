"""A message on its way to a program, and the faults that strike in its middle and at its end."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Protocol

from testbed.hosts.dialogue import DialogueScript
from testbed.hosts.front.program_side import ProgramSide
from testbed.hosts.smtp import staging
from testbed.protocols.smtp_dialogue import SmtpDialogue
from testbed.protocols.smtp_octets import FINAL_DOT, Command, Content, End
from testbed.scenario.faults import DialogueFault


class Front(staging.Staged, Protocol):
    """The server's end of the client's connection."""

    async def tell(self, reply: bytes) -> None:
        """Say a reply of the program's, in the manner there is, unless the server is mute."""


class MessageAhead:
    """The message that the client of a numbered connection sends now, if it does."""

    def __init__(
        self, front: Front, script: DialogueScript, number: int, dialogue: SmtpDialogue, program: ProgramSide
    ) -> None:
        self._front = front
        self._script = script
        self._number = number
        self._dialogue = dialogue
        self._program = program
        self._octets = 0  # of it have come
        self._answered_inside = False
        self._not_invited = b""  # what the program said to DATA, whose client was told to send its message
        self._copy = bytearray()  # as it may have to be given to some recipients only

    async def invite(self, command: Command) -> None:
        """Ask the program in silence, as the client is told to send its message whatever it says."""
        [reply] = await self._program.ask(command)
        if reply.code != "354":
            self._not_invited = reply.octets
            self._dialogue.invite()

    async def goes_on(self, part: Content | End) -> bool:
        """A part of it has come; whether the connection goes on, or a fault has ended it."""
        return await (self._ends(part) if isinstance(part, End) else self._comes(part))

    async def _comes(self, content: Content) -> bool:
        if self._answered_inside or self._not_invited:
            return True
        if self._script.concerns("message"):
            await self._program.catch_up()
            self._copy += content.octets if self._dialogue.lmtp else b""
            begun, self._octets = self._octets, self._octets + len(content.octets)
            inside = range(begun + 1, self._octets + 1)
            fault = self._script.take_inside(inside, self._number, self._dialogue.sender_or(""))
            if fault is not None and not self._dialogue.answered_early:
                self._program.let_go()
                self._answered_inside = await staging.stage_inside(self._front, fault)
                return self._answered_inside
        await self._program.give(content)
        return True

    async def _ends(self, end: End) -> bool:
        """It has come, but for its last octets: answer it."""
        self._octets = 0
        goes_on = True
        if self._answered_inside:
            self._answered_inside = False
            self._dialogue.end_message()
        elif self._dialogue.answered_early or not (self._script.concerns("message") or self._not_invited):
            if self._dialogue.lmtp:
                await self._program.catch_up()
            await self._program.give(end)
        else:
            await self._program.catch_up()
            with self._program.hand():
                goes_on = await self._answer(end)
                if not goes_on:
                    self._program.let_go()  # what it has said meanwhile nobody is to hear
        self._copy.clear()
        return goes_on

    async def _answer(self, end: End) -> bool:
        """Once for each recipient where LMTP is spoken (RFC 2033 §4.2)."""
        taken = self._dialogue.transaction.recipients
        whom = [recipient for recipient, _ in taken] if self._dialogue.lmtp else [""]
        plan: list[tuple[int, DialogueFault | None]] = []
        for place, recipient in enumerate(whom):
            fault = self._script.find("message", recipient, self._number, self._dialogue.sender_or(""))
            plan.append((place, fault))
            if not staging.speaks_on(fault):
                break
        given = [place for place, fault in plan if fault is None or staging.does_act(fault)]
        refusal = self._not_invited.decode("latin-1").removesuffix("\r\n")
        replies = dict(zip(given, await self._give(end, given, len(whom)), strict=True))
        for place, fault in plan:
            tell = partial(self._front.tell, replies.get(place, b""))
            if fault is None:
                await tell()
            else:
                self._script.tell(fault, refusal)
                await staging.stage(self._front, fault, tell)
        return all(staging.speaks_on(fault) for _, fault in plan)

    async def _give(self, end: End, given: Sequence[int], of: int) -> list[bytes]:
        """Give the program the message for these ``of`` the recipients, and not for others; its replies."""
        if self._not_invited:
            refusal, self._not_invited = self._not_invited, b""
            self._dialogue.end_message()
            return [refusal] * len(given)
        if len(given) == of:
            return [reply.octets for reply in await self._program.ask(end, of)]
        transaction, content = self._dialogue.transaction, bytes(self._copy)
        self._program.let_go()
        self._dialogue.end_message()
        if not given or transaction.mail is None:
            return []
        for command in (transaction.mail, *(transaction.recipients[place][1] for place in given)):
            [reply] = await self._program.ask(command)
            if reply.code[:1] != "2":
                self._dialogue.end_message()
                return [reply.octets] * len(given)
        return await self._give_again(content, end, len(given))

    async def _give_again(self, content: bytes, end: End, replies: int) -> list[bytes]:
        """Hand the message over once more, on another connection."""
        if end.octets == FINAL_DOT:
            await self._program.ask(Command(b"DATA\r\n", "DATA", ""))
            self._dialogue.withdraw()
            await self._program.give(Content(content))
        else:
            content += end.octets if len(end.octets) == 1 else b""
            await self._program.give(Command(b"BDAT %d LAST\r\n" % len(content), "BDAT", "", begins_last_chunk=True))
            end = End(content)
        return [reply.octets for reply in await self._program.ask(end, replies)]
