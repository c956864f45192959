"""On what terms clients get in, and which server they meet then."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from testbed.hosts.site import Site
from testbed.hosts.smtp.commands import Terms
from testbed.hosts.smtp.handler import MailHandler
from testbed.hosts.smtp.lmtp import LmtpServer, SecureLmtpServer
from testbed.hosts.smtp.secure_server import SecureSmtpServer
from testbed.hosts.smtp.server import SmtpServer
from testbed.hosts.tls import LabTls


class Access(Struct, frozen=True):
    """On what terms clients get in: with TLS where the host has it, and with the passwords of its users, by address.

    ``in_clear`` tells that a password is taken without TLS too.
    """

    terms: Terms = field(default_factory=Terms)
    tls: LabTls | None = None
    passwords: Mapping[str, str] = field(default_factory=dict)
    in_clear: bool = False

    def serve(
        self,
        handler: MailHandler,
        site: Site,
        *,
        submission: bool = False,
        implicit: bool = False,
        lmtp: bool = False,
    ) -> SmtpServer:
        """The server side of a new connection; only for the ``submission`` of mail do users log in (RFC 6409 §4.3)."""
        passwords = self.passwords if submission else {}
        if self.tls is None and not passwords:
            return (LmtpServer if lmtp else SmtpServer)(handler, site, self.terms)
        secure = SecureLmtpServer if lmtp else SecureSmtpServer
        return secure(handler, site, self.terms, self.tls, passwords, in_clear=self.in_clear, implicit=implicit)
