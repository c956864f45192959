"""Ways to break TLS and AUTH, each the opposite of something the catalogue guards."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

import pytest
from aiosmtpd.smtp import AuthResult
from msgspec.structs import replace

from testbed.hosts.certificates import Authority
from testbed.hosts.sending.delivery import DeliverySession
from testbed.hosts.sending.wanted_security import Security, Wanted
from testbed.hosts.smtp import secure_server
from testbed.hosts.smtp.secure_server import SecureSmtpServer


def takes_any_tls_or_none(patch: pytest.MonkeyPatch) -> None:
    """A client that takes any TLS or none where it should insist on good TLS."""
    _wants(patch, "opportunistic")


def insists_on_tls(patch: pytest.MonkeyPatch) -> None:
    """A relay that insists on good TLS where it should only prefer TLS."""
    _wants(patch, "required")


def never_asks_for_tls(patch: pytest.MonkeyPatch) -> None:
    """A relay that never asks for TLS."""
    _wants(patch, "none")


def ignores_certificates(patch: pytest.MonkeyPatch) -> None:
    """A client that accepts every certificate."""
    client = Authority.client

    def blind(self: Authority, *, checks: bool) -> ssl.SSLContext:
        return client(self, checks=False)

    patch.setattr(Authority, "client", blind)


def keeps_what_came_in_clear(patch: pytest.MonkeyPatch) -> None:
    """A server that obeys after the handshake what was sent before it."""
    begin = secure_server.begin_tls

    async def keeping(
        writer: asyncio.StreamWriter,
        context: ssl.SSLContext,
        *,
        timeout_s: float,
        reader: asyncio.StreamReader,
        owner: SecureSmtpServer,
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                reader.feed_data(await owner.reader.read(65_536))
        return await begin(writer, context, timeout_s=timeout_s, reader=reader, owner=owner)

    patch.setattr(secure_server, "begin_tls", keeping)


def lets_nobody_in(patch: pytest.MonkeyPatch) -> None:
    """A server that takes every password for wrong."""
    patch.setattr(SecureSmtpServer, "_check", lambda self, *args: AuthResult(success=False, handled=False))


def _wants(patch: pytest.MonkeyPatch, tls: Wanted) -> None:
    begin = DeliverySession.__init__

    def changed(self: DeliverySession, *args: object, **options: object) -> None:
        begin(self, *(_changed(arg, tls) for arg in args), **options)  # type: ignore[arg-type]

    patch.setattr(DeliverySession, "__init__", changed)


def _changed(argument: object, tls: Wanted) -> object:
    if isinstance(argument, Security) and argument.tls in ("opportunistic", "required"):
        return replace(argument, tls=tls)
    return argument
