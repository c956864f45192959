"""What clients can ask: one table, which the server answers by and the OpenAPI document is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import TypeVar

from pydantic import BaseModel

from testbed.control.bodies import Anything, LabOrder, Wait
from testbed.control.labs import Labs
from testbed.control.messages import MessageView, message_view
from testbed.control.problems import Problem
from testbed.control.views import (
    EnvironmentView,
    FaultView,
    FindingsView,
    LabName,
    LabView,
    MailboxView,
    VerdictsView,
    environment_view,
    faults_view,
    findings_view,
    lab_view,
    mailboxes_view,
    name_view,
    verdicts_view,
)
from testbed.report.html.run import run_html
from testbed.report.run import Run

CAPTURE, HTML, MAIL, JSON = "application/x-pcapng", "text/html", "message/rfc822", "application/json"

Body = TypeVar("Body", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class File:
    """An answer that is no JSON."""

    content: bytes
    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A request: what stands in its path and its query, and its body."""

    labs: Labs
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: BaseModel

    def number(self, name: str, *, least: int = 1) -> int:
        """A whole number of the path or the query, 0 where the query has none.  Raises Problem."""
        text = self.path.get(name) or self.query.get(name) or "0"
        if not (text.isascii() and text.isdigit() and len(text) < 10) or (name in self.path and int(text) < least):
            raise Problem(422, f"'{name}' is a whole number, not '{text[:40]}'")
        return int(text)

    def said(self, model: type[Body]) -> Body:
        """The body, of which the table says what it is."""
        assert isinstance(self.body, model)
        return self.body


@dataclass(frozen=True, slots=True)
class Operation:
    """A row: what is asked and done, in which form it is answered (``media``), and by what (``answer``, None: nothing).

    ``body`` is what the request says; ``schema`` names the part of the scenario language that stands for it.  ``query``
    describes what may stand behind the question mark.
    """

    method: str
    path: str
    name: str
    summary: str
    do: Callable[[Call], object]
    answer: object = None
    status: int = 200
    media: str = JSON
    body: type[BaseModel] | None = None
    schema: str = ""
    query: Mapping[str, str] | None = None


def _list_labs(call: Call) -> list[LabName]:
    return [name_view(lab) for lab in call.labs.all()]


def _open_lab(call: Call) -> LabView:
    order = call.said(LabOrder)
    return lab_view(call.labs.bring_up(order.scenario, order.case, play_steps=order.play_steps), 0)


def _show_lab(call: Call) -> LabView:
    return lab_view(call.labs.get(call.path["lab"]), call.number("after"))


def _end_lab(call: Call) -> VerdictsView:
    return verdicts_view(call.labs.get(call.path["lab"]).end(), so_far=False)


def _forget_lab(call: Call) -> None:
    call.labs.forget(call.path["lab"])


def _environment(call: Call) -> EnvironmentView:
    return environment_view(call.labs.get(call.path["lab"]).bed)


def _set_fault(call: Call) -> FaultView:
    with call.labs.get(call.path["lab"]).turn() as bed:
        placed = bed.fault(call.said(Anything).root)
        return FaultView(placed.number, placed.description, placed.lifted)


def _list_faults(call: Call) -> tuple[FaultView, ...]:
    return faults_view(call.labs.get(call.path["lab"]).bed)


def _lift_fault(call: Call) -> None:
    number = call.number("fault")
    with call.labs.get(call.path["lab"]).turn() as bed:
        placed = next((fault for fault in bed.faults if fault.number == number), None)
        if placed is None:
            raise Problem(404, f"no fault with the number {number} was set in this lab")
        placed.lift()


def _lift_all(call: Call) -> None:
    with call.labs.get(call.path["lab"]).turn() as bed:
        for placed in bed.faults:
            placed.lift()


def _wait(call: Call) -> None:
    with call.labs.get(call.path["lab"]).turn() as bed:
        bed.wait(call.said(Wait).duration)


def _play(call: Call) -> None:
    with call.labs.get(call.path["lab"]).turn() as bed:
        bed.play(call.said(Anything).root)


def _settle(call: Call) -> None:
    with call.labs.get(call.path["lab"]).turn() as bed:
        bed.settle()


def _mailboxes(call: Call) -> tuple[MailboxView, ...]:
    return mailboxes_view(call.labs.get(call.path["lab"]).bed)


def _messages(call: Call) -> list[MessageView]:
    return [message_view(number, octets) for number, octets in enumerate(_octets(call), 1)]


def _message(call: Call) -> File:
    number, found = call.number("message"), _octets(call)
    if number > len(found):
        raise Problem(404, f"{call.path['mailbox'][:100]} has {len(found)} messages, and no number {number}")
    return File(found[number - 1], f"message-{number}.eml")


def _octets(call: Call) -> list[bytes]:
    with call.labs.get(call.path["lab"]).turn() as bed:
        _known(call)
        return bed.sources(call.path["mailbox"], call.query.get("folder", "INBOX"))


def _empty(call: Call) -> None:
    with call.labs.get(call.path["lab"]).turn() as bed:
        _known(call)
        bed.empty(call.path["mailbox"])


def _known(call: Call) -> None:
    mailbox = call.path["mailbox"]
    if mailbox not in [one.address for one in mailboxes_view(call.labs.get(call.path["lab"]).bed)]:
        raise Problem(404, f"no host has the mailbox {mailbox[:100]}")


def _findings(call: Call) -> FindingsView:
    lab = call.labs.get(call.path["lab"])
    now_ns = lab.look(0)[0].date_ns  # before the trace is read, so that it holds all there is until then
    outcome, so_far = lab.shown()
    return findings_view(outcome, so_far=so_far, now_ns=now_ns)


def _verdicts(call: Call) -> VerdictsView:
    outcome, so_far = call.labs.get(call.path["lab"]).shown()
    return verdicts_view(outcome, so_far=so_far)


def _trace(call: Call) -> File:
    lab = call.labs.get(call.path["lab"])
    if lab.outcome is not None:
        return File(Path(lab.bed.trace).read_bytes(), lab.bed.trace.name)
    with lab.turn() as bed, TemporaryFile() as file:
        bed.copy_trace(file)
        file.seek(0)
        return File(file.read(), bed.trace.name)


def _report(call: Call) -> File:
    lab = call.labs.get(call.path["lab"])
    outcome, so_far = lab.shown()
    page = run_html(Run((outcome,), datetime.now(UTC), outcome.played.seconds), with_capture=not so_far)
    return File(page.encode(), f"{lab.bed.trace.stem}.html")


OPERATIONS = (
    Operation(
        "GET", "/labs", "listLabs", "The labs that are open, and those that ended lately.", _list_labs, list[LabName]
    ),
    Operation("POST", "/labs", "openLab", "Bring a lab up.", _open_lab, LabView, 201, body=LabOrder),
    Operation(
        "GET", "/labs/{lab}", "showLab", "The current state of a lab: services, mailboxes, queues, faults, log.",
        _show_lab, LabView, query={"after": "Only log lines after the one with this number."},
    ),
    Operation("POST", "/labs/{lab}/end", "endLab", "End a lab, and judge it.", _end_lab, VerdictsView),
    Operation(
        "DELETE", "/labs/{lab}", "forgetLab", "End a lab if it is open, and forget it.", _forget_lab, status=204
    ),
    Operation(
        "GET", "/labs/{lab}/environment", "showEnvironment", "The variables that a lab sets for programs.",
        _environment, EnvironmentView,
    ),
    Operation("GET", "/labs/{lab}/faults", "listFaults", "The faults that were set.", _list_faults, list[FaultView]),
    Operation(
        "POST", "/labs/{lab}/faults", "setFault", "Set a fault; 'from' and 'until' count from now.", _set_fault,
        FaultView, 201, body=Anything, schema="Fault",
    ),
    Operation("DELETE", "/labs/{lab}/faults", "liftFaults", "Lift all faults that were set.", _lift_all, status=204),
    Operation("DELETE", "/labs/{lab}/faults/{fault}", "liftFault", "Lift a fault.", _lift_fault, status=204),
    Operation("POST", "/labs/{lab}/wait", "wait", "Let scenario time pass, at once.", _wait, status=204, body=Wait),
    Operation(
        "POST", "/labs/{lab}/steps", "playStep", "Play a step, as scenarios write them.", _play, status=204,
        body=Anything, schema="Step",
    ),
    Operation(
        "POST", "/labs/{lab}/settle", "settle", "Wait until nothing is under way anymore.", _settle, status=204
    ),
    Operation(
        "GET", "/labs/{lab}/mailboxes", "listMailboxes", "The mailboxes, with their passwords.", _mailboxes,
        list[MailboxView],
    ),
    Operation(
        "GET", "/labs/{lab}/mailboxes/{mailbox}/messages", "listMessages",
        "The messages in a mailbox once everything under way has arrived, oldest first.", _messages, list[MessageView],
        query={"folder": "A folder (default: INBOX)."},
    ),
    Operation(
        "GET", "/labs/{lab}/mailboxes/{mailbox}/messages/{message}", "showMessage", "The octets of a message.",
        _message, media=MAIL, query={"folder": "A folder (default: INBOX)."},
    ),
    Operation(
        "DELETE", "/labs/{lab}/mailboxes/{mailbox}/messages", "emptyMailbox", "Delete everything in a mailbox.",
        _empty, status=204,
    ),
    Operation(
        "GET", "/labs/{lab}/findings", "listFindings", "What the inspector has found.", _findings, FindingsView
    ),
    Operation(
        "GET", "/labs/{lab}/verdicts", "listVerdicts", "Which of the scenario's expectations hold, and which of the "
        "rules that always apply.", _verdicts, VerdictsView,
    ),
    Operation("GET", "/labs/{lab}/trace", "downloadTrace", "The trace, for Wireshark.", _trace, media=CAPTURE),
    Operation("GET", "/labs/{lab}/report", "downloadReport", "The report, a page.", _report, media=HTML),
)  # fmt: skip
