"""aiosmtpd as the textbook's receiver: takes mail for the users of its domain, into Maildirs."""

import asyncio
import mailbox
import os
import signal

from aiosmtpd.smtp import SMTP, Envelope, Session

DOMAIN, BOXES = os.environ["TESTBED_DOMAIN"].lower(), os.environ["TESTBED_MAILBOXES"]
USERS = {user.lower(): user for user in os.environ["TESTBED_USERS"].split()}
for alias in os.environ["TESTBED_ALIASES"].split():
    USERS[alias.partition("=")[0].lower()] = alias.partition("=")[2]


class Handler:
    """What becomes of a recipient, and of a message (aiosmtpd's handlers)."""

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        user, _, domain = address.lower().rpartition("@")
        if domain != DOMAIN:
            return "550 5.7.1 relaying denied"
        if user not in USERS:
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        for user in dict.fromkeys(USERS[to.lower().rpartition("@")[0]] for to in envelope.rcpt_tos):
            mailbox.Maildir(os.path.join(BOXES, user)).add(envelope.content or b"")
        return "250 2.0.0 stored"


async def main() -> None:
    """Listen on port 25 until SIGTERM."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    name = os.environ["TESTBED_NAME"]
    async with await loop.create_server(lambda: SMTP(Handler(), hostname=name, enable_SMTPUTF8=True), None, 25):
        print(f"{name} listens", flush=True)
        await over.wait()


asyncio.run(main())
