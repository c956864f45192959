"""The server that is to be learnt: a host of a lab that is held open meanwhile."""

from __future__ import annotations

import smtplib
import time
from contextlib import ExitStack
from pathlib import Path

from msgspec import Struct

from testbed.bed.bed import Bed
from testbed.errors import LabError, UsageError, reason
from testbed.extras import needs_extra
from testbed.lab.addresses import OUTSIDE
from testbed.learn.alphabets import Alphabet, Names
from testbed.learn.asked import Asked
from testbed.learn.learnt import Learnt, Progress
from testbed.learn.line import ServerLine
from testbed.scenario.hosts import MailHostSpec, UserAgentSpec
from testbed.scenario.problems import did_you_mean
from testbed.scenario.scenario import Scenario

_NOBODY = "no-such-user"
_LETTER = "Subject: a letter\r\n\r\nThere is one in the mailbox.\r\n"
_DELIVERING = ((25, smtplib.SMTP), (24, smtplib.LMTP))


class Bounds(Struct, frozen=True):
    """``inputs`` are asked; up to ``beyond`` states more than found are looked for, in ``most`` dialogues at most;
    an answer is waited for so many seconds.
    """

    inputs: tuple[str, ...]
    beyond: int
    most: int
    patience_s: float


def mail_host(scenario: Scenario, host: str) -> MailHostSpec:
    """The host of that name.  Raises UsageError where there is none, or it is no mail server."""
    spec = scenario.hosts.get(host)
    if isinstance(spec, MailHostSpec):
        return spec
    servers = [name for name, other in scenario.hosts.items() if isinstance(other, MailHostSpec)]
    if spec is None:
        near = did_you_mean(host, servers)
        raise UsageError(f"there is no host '{host[:60]}' in the lab{near or f'; its servers are {_list(servers)}'}")
    raise UsageError(f"{host} is not a mail server; those of the lab are {_list(servers)}")


def learn_server(
    scenario: Scenario, host: str, alphabet: Alphabet, bounds: Bounds, trace: Path, progress: Progress
) -> tuple[Learnt, float]:
    """Bring the lab up and learn one of its hosts; and how many seconds of real time that took.

    Raises UsageError where the host does not speak the protocol, LabError when it does not always answer alike.
    """
    needs_extra("learn", "to learn a server")
    from testbed.learn.learner import learn

    names = names_of(scenario, host, alphabet)
    with ExitStack() as stack:
        bed = Bed(scenario, trace, plays_steps=False)
        stack.callback(bed.end)
        address = bed.address(host, alphabet.port)

        def restore() -> None:
            _deliver(bed, host, names)

        if alphabet.needs_mail:
            restore()
            bed.settle()
        asked = Asked(alphabet, lambda: ServerLine(address, alphabet, names, bounds.patience_s), restore, bounds.most)
        start = time.monotonic()
        try:
            return learn(asked, bounds.inputs, bounds.beyond, progress), time.monotonic() - start
        except LabError:
            bed.check_open()
            raise


def names_of(scenario: Scenario, host: str, alphabet: Alphabet) -> Names:
    """Whom to speak of: the first mailbox of the host, and somebody of another domain.  Raises UsageError."""
    spec = mail_host(scenario, host)
    user = next(iter(spec.mailboxes), "")
    if not user and alphabet.needs_mail:
        raise UsageError(f"{host} has no mailbox that could be read; give it 'mailboxes'")
    agents = (agent.address for agent in scenario.hosts.values() if isinstance(agent, UserAgentSpec))
    return Names(
        client=OUTSIDE,
        sender=next((address for address in agents if not address.endswith(f"@{spec.domain}")), ""),
        recipient=f"{user or 'postmaster'}@{spec.domain}",
        nobody=f"{_NOBODY}@{spec.domain}",
        user=user or "postmaster",
        password=spec.mailboxes[user].password_to_read if user else "",
    )


def _deliver(bed: Bed, host: str, names: Names) -> None:
    """Put a letter into the mailbox.  Raises UsageError and LabError."""
    there = {service.port for service in bed.services if service.host == host and service.outside}
    for port, client in _DELIVERING:
        if port in there:
            try:
                with client(*bed.address(host, port)) as session:
                    session.sendmail(names.sender, [names.recipient], _LETTER)
                return
            except OSError as error:  # smtplib's own are, too
                raise LabError(f"{host} does not take a letter for {names.recipient}: {reason(error)}") from error
    raise UsageError(f"{host} takes mail neither at port 25 nor at 24, so no letter can be put into its mailbox")


def _list(names: list[str]) -> str:
    return ", ".join(names) or "none"
