"""Serves a domain's MTA-STS policy by HTTPS (RFC 8461 §3.3), and takes reports that are posted (RFC 8460 §5.4)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress

from testbed.hosts.fault_script import FaultScript
from testbed.hosts.site import Site, listen
from testbed.hosts.streams import begin_tls
from testbed.hosts.tls import LabTls
from testbed.protocols import events
from testbed.reset import reset
from testbed.scenario.faults.policy import PolicyFault
from testbed.transport_security.mta_sts import MAX_POLICY_OCTETS, MEDIA_TYPE, PATH, StsPolicy, policy_host

PORT = 443
_HANDSHAKE_TIMEOUT_S = 60.0
_CHUNK = 65_536
_HUGE_OCTETS = 10_000_000
_ENOUGH_OCTETS = MAX_POLICY_OCTETS + 1  # of what is huge: who wants no more can say so before the rest
_ENOUGH_S = 1.0
_LINE_S = 10.0  # between the lines of a policy that never ends
_CERTIFICATES = ("expired", "wrong-name", "self-signed")
_NO_POLICY = b"<html><head><title>It works!</title></head></html>\r\n"

PolicyInForce = Callable[[], StsPolicy | None]
PolicyScript = FaultScript[PolicyFault]


class PolicyHost:
    """``policy`` is the one in force now, ``posts`` the paths where reports are taken, which the packets show."""

    def __init__(
        self,
        site: Site,
        tls: LabTls,
        domain: str,
        policy: PolicyInForce,
        script: PolicyScript,
        posts: frozenset[str] = frozenset(),
    ) -> None:
        self._site = site
        self._tls = tls
        self._name = policy_host(domain)
        self._policy = policy
        self._script = script
        self._posts = posts

    async def start(self) -> list[asyncio.Server]:
        """Listen on port 443 of every address."""

        def connected() -> asyncio.BaseProtocol:
            return self._site.connections.protocol(self._serve, asyncio.StreamReader(limit=_CHUNK))

        return await listen(connected, self._site.addresses, (PORT,))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault = self._script.first(lambda fault: True)
        flaw = fault.is_ if fault is not None else ""
        with suppress(OSError):
            if flaw == "reset":
                await reader.read(_CHUNK)  # as who meddles would: when it has seen whose policy is wanted
                reset(writer.transport)
                return
            while flaw == "stalled" and await reader.read(_CHUNK):
                pass
            if flaw != "stalled" and (streams := await self._secured(writer, flaw)) is not None:
                reader, writer = streams
                await self._answer(reader, writer, flaw)
        writer.close()

    async def _secured(
        self, writer: asyncio.StreamWriter, flaw: str
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        context = self._tls.server(self._name, flaw if flaw in _CERTIFICATES else "")
        context.sni_callback = self._chosen
        try:
            return await begin_tls(writer, context, timeout_s=_HANDSHAKE_TIMEOUT_S)
        except OSError as error:
            peer = str((writer.get_extra_info("peername") or ("somebody",))[0])
            reason = str(getattr(error, "reason", "") or error or "the connection ended")
            self._site.log(events.TlsFailed(peer=peer, reason=reason), f"TLS with {peer} failed: {reason}")
            return None

    def _chosen(self, secured: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        """Who takes reports goes by the server's own name, and so does its certificate."""
        if name == self._site.name:
            secured.context = self._tls.server(name)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flaw: str) -> None:
        import h11

        connection = h11.Connection(h11.SERVER)
        try:
            method, path = await _asked(connection, reader)
        except h11.RemoteProtocolError:
            return
        policy = self._policy()
        status, kind, content = 200, MEDIA_TYPE, policy.text() if policy is not None else b""
        headers: list[tuple[str, str]] = []
        if flaw == "redirected":
            status, content = 301, b""
            headers = [("Location", f"https://{self._name}/elsewhere.txt")]
        elif method == "POST" and path in self._posts and flaw != "not-found":
            content = b""
        elif flaw == "not-found" or method != "GET" or path != PATH or policy is None:
            status, content = 404, b"There is nothing here.\r\n"
        elif flaw == "no-text":
            kind = "text/html"
        elif flaw == "malformed":
            content = _NO_POLICY
        elif flaw == "huge":
            content += b"mx: mx.example\r\n" * (_HUGE_OCTETS // 16)
        headers += [("Date", self._site.date().replace("+0000", "GMT")), ("Content-Type", kind)]
        if flaw != "endless":
            headers.append(("Content-Length", str(len(content))))
        writer.write(connection.send(h11.Response(status_code=status, headers=headers)) or b"")
        data = connection.send(h11.Data(data=content)) or b""
        if flaw == "huge":
            writer.write(data[:_ENOUGH_OCTETS])
            if await _hangs_up(reader):
                return
            data = data[_ENOUGH_OCTETS:]
        writer.write(data)
        await writer.drain()
        while flaw == "endless":
            await asyncio.sleep(_LINE_S)
            writer.write(connection.send(h11.Data(data=b"mx: mx.example\r\n")) or b"")
            await writer.drain()


async def _hangs_up(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(_ENOUGH_S):
            return not await reader.read(_CHUNK)
    except TimeoutError:
        return False


async def _asked(connection: object, reader: asyncio.StreamReader) -> tuple[str, str]:
    """Method and path of the one request; ``""`` where there is none.  Raises h11.RemoteProtocolError."""
    import h11

    assert isinstance(connection, h11.Connection)
    asked = "", ""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_CHUNK))
        elif isinstance(event, h11.Request):
            asked = event.method.decode("ascii", "replace"), event.target.decode("ascii", "replace")
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            return asked
