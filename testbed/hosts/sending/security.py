"""How a client begins TLS (RFC 3207, RFC 8314) and logs in (RFC 4954)."""

from __future__ import annotations

import asyncio
import socket

import aiosmtplib
from aiosmtplib.errors import SMTPAuthenticationError, SMTPException, SMTPResponseException

from testbed.hosts.sending.results import DeliveryResult, HopFailed, handshake_result, reply_result
from testbed.hosts.tls import LabTls

TLS_TIMEOUT_S = 300.0  # scenario time, for the handshake
AUTH_TIMEOUT_S = 300.0

_INJECTED = (
    "EHLO mallory.example\r\nMAIL FROM:<mallory@mallory.example>\r\nRCPT TO:<postmaster@{server}>\r\nDATA\r\n"
    "Subject: Injected\r\n\r\nNobody ever sent this.\r\n.\r\n"
)


class TlsUnavailable(Exception):
    """There is no TLS to be had of this server now, or not one that can be trusted."""

    def __init__(self, result: DeliveryResult) -> None:
        super().__init__(str(result))
        self.result = result


class CredentialsRefused(HopFailed):
    """The server does not let this user in: trying the same password again is pointless."""


async def start_tls(client: aiosmtplib.SMTP, tls: LabTls | None, server: str, *, checks: bool) -> None:
    """STARTTLS with the server of that name; ``checks`` tells whether its certificate must be good.

    ``tls`` is None where the lab has none.  Raises TlsUnavailable; the connection is closed then, unless STARTTLS was
    not offered, or refused with a reply.
    """
    if tls is None or not client.supports_extension("starttls"):
        raise TlsUnavailable(DeliveryResult(0, "4.7.4", "STARTTLS is not offered"))
    if tls.script(server).injected():
        _inject(client, _INJECTED.format(server=server).encode())
    context = tls.authority.client(checks=checks)
    try:
        await client.starttls(server_hostname=server, tls_context=context, timeout=TLS_TIMEOUT_S)
    except SMTPResponseException as refusal:
        raise TlsUnavailable(reply_result(refusal.code, refusal.message)) from refusal
    except (SMTPException, OSError) as error:
        client.close()
        raise TlsUnavailable(handshake_result(error)) from error


async def connected_socket(address: str, port: int, source: str | None, timeout: float) -> socket.socket:
    """A TCP connection that TLS may begin on.  Raises OSError, TimeoutError among them."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setblocking(False)
    try:
        if source:
            found.bind((source, 0))
        await asyncio.wait_for(asyncio.get_running_loop().sock_connect(found, (address, port)), timeout)
    except BaseException:
        found.close()
        raise
    return found


async def log_in(client: aiosmtplib.SMTP, user: str, password: str) -> None:
    """AUTH by the first mechanism both sides know, once.  Raises HopFailed, CredentialsRefused when it is pointless."""
    methods = {"plain": client.auth_plain, "login": client.auth_login}
    offered = next((method for method in methods if method in client.server_auth_methods), None)
    if offered is None:
        raise HopFailed(DeliveryResult(0, "4.7.4", "AUTH is not offered, so the password is not told"))
    try:
        await methods[offered](user, password, timeout=AUTH_TIMEOUT_S)
    except SMTPAuthenticationError as refusal:
        result = reply_result(refusal.code, refusal.message)
        raise (CredentialsRefused if result.permanent else HopFailed)(result) from refusal


def _inject(client: aiosmtplib.SMTP, octets: bytes) -> None:
    """What somebody on the way does: the next STARTTLS leaves with more behind it."""
    protocol = client.protocol
    assert protocol is not None
    write = protocol.write

    def altered(data: bytes) -> None:
        protocol.write = write  # type: ignore[method-assign]
        write(data + octets)

    protocol.write = altered  # type: ignore[method-assign]
