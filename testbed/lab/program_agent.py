"""A user agent that a ready-made program plays: it runs when a step has somebody send or read, and does that.

What it is told stands in variables, ``TESTBED_SERVER`` and so on; the message to send is its standard input, with line
ends as in any file.  Some keep a part of themselves running besides, which sends what has been queued.
"""

from __future__ import annotations

from contextlib import nullcontext

from testbed.durations import HOUR, SECOND
from testbed.errors import StepError, reason
from testbed.hosts.composition import Submission, compose, message_id
from testbed.hosts.site import Site
from testbed.lab.context import LabContext
from testbed.lab.program_host import ProgramHost
from testbed.lab.program_step import Errand, run_errand
from testbed.protocols.text import shown
from testbed.scenario.program_hosts import errand_line
from testbed.scenario.steps import ReadStep

_LIMIT_NS, _REAL_LIMIT_NS = HOUR, 10 * SECOND
_PORTS = {"pop3": (110, 995), "imap": (143, 993)}


class ProgramAgent(ProgramHost):
    """Somebody's mail program that is not ours."""

    def __init__(self, lab: LabContext, site: Site, owner: str, program: str) -> None:
        super().__init__(lab, site)
        self._owner = owner
        self._played_by = program
        self._sent = 0

    async def send(self, draft: Submission) -> None:
        """Have it send a message; how it ended is logged.  Raises StepError."""
        told = {
            "SENDER": draft.sender,
            "RECIPIENTS": " ".join(draft.envelope.addresses),
            "NOTIFY": ",".join(sorted(draft.parameters.notify)),
            "RETURNED": draft.ret,
            "ENVELOPE_ID": draft.envelope_id,
        }
        await self._do("send", self._message(draft), told)

    async def read(self, step: ReadStep, server: str, password: str) -> None:
        """Have it read a mailbox at its server; how it ended is logged.  Raises StepError."""
        told = {
            "SERVER": server,
            "VIA": step.via,
            "PORT": str(_PORTS[step.via][step.tls == "implicit"]),
            "TLS": step.tls,
            "USER": step.login,
            "PASSWORD": password,
            "DELETE": "true" if step.delete else "",
            "QUIT": "true" if step.quit else "",
            "FOLDER": step.folder or "",
            "SEARCH": step.search or "",
            "MOVE": step.move or "",
            "COPY": step.copy_to or "",
            "APPEND": "true" if step.append is not None else "",
        }
        draft = Submission(self._owner, (self._owner,), "Draft", "To be sent one day.", size=step.append or 0)
        await self._do("read", self._message(draft) if step.append is not None else b"", told)
        self._queue.look()

    def _message(self, draft: Submission) -> bytes:
        self._sent += 1
        name = message_id(self._sent, self._site.now(), self.name)
        return compose(draft, name, self._site.date()).replace(b"\r\n", b"\n")

    async def _do(self, asked: str, given: bytes, told: dict[str, str]) -> None:
        clock = self._lab.clock_of(self.name)
        errand = Errand(
            called=errand_line(self._played_by, asked),
            command=("sh", f"{{directory}}/{asked}"),
            limit_ns=_REAL_LIMIT_NS if clock is None else _LIMIT_NS,
            asked=asked,
            given=given,
            variables={f"TESTBED_{what}": value for what, value in told.items()},
        )
        try:
            with self._loop.real_time() if clock is None else nullcontext():
                await run_errand(self._lab, self.name, errand, self, clock)
        except OSError as error:
            why = f"{self._played_by} cannot be run: {reason(error)}"
            raise StepError(f"{shown(self._lab.scenario.file)}: {self.name}: {why}") from error
