"""All services the inspector knows, and which of them a connection speaks."""

from __future__ import annotations

from testbed.trace.services.dns.service import DNS, LLMNR, MDNS
from testbed.trace.services.http.service import HTTP, HTTP2
from testbed.trace.services.imap.service import IMAP
from testbed.trace.services.lmtp.service import LMTP
from testbed.trace.services.managesieve.service import MANAGESIEVE
from testbed.trace.services.pop3.service import POP3
from testbed.trace.services.service import Port, Service
from testbed.trace.services.smtp.service import SMTP

# In the order in which they are asked whether they recognise a connection.
SERVICES = (LMTP, SMTP, IMAP, POP3, MANAGESIEVE, HTTP, HTTP2, DNS, MDNS, LLMNR)
_OTHERS = (
    Port(21, "ftp"),
    Port(22, "ssh"),
    Port(67, "dhcp", "udp"),
    Port(123, "ntp", "udp"),
    Port(137, "netbios-ns", "udp"),
    Port(389, "ldap"),
)  # what is known by its port only

_NOT_FOLLOWED = Service(names=())
_BY_NAME = {name: service for service in SERVICES for name in service.names}
_BY_PORT_NAME = {port.name: service for service in SERVICES for port in service.ports}
_PORTS = (*(port for service in SERVICES for port in service.ports), *_OTHERS)
_BY_PORT = {(port.transport, port.number): port for port in _PORTS}
PORTS = frozenset(port.number for port in _PORTS)
"""Where servers listen."""
NAMES = tuple(dict.fromkeys([*_BY_NAME, *(port.name for port in _PORTS)]))
"""What services are called."""


def service_of(name: str) -> Service:
    """The description of a service by one of its names; of one that is not followed for any other name."""
    return _BY_NAME.get(name, _NOT_FOLLOWED)


def service_within(name: str) -> Service:
    """The description of a service, also where TLS hides it and only its port tells: ``imaps``."""
    return _BY_NAME.get(name) or _BY_PORT_NAME.get(name, _NOT_FOLLOWED)


def port_of(transport: str, number: int) -> Port | None:
    """What listens at a port, None for an unknown one."""
    return _BY_PORT.get((transport, number))


def name_by_port(transport: str, number: int) -> str:
    """The service's name, ``""`` for an unknown port."""
    port = port_of(transport, number)
    return port.name if port is not None else ""


def name_by_content(client: bytes, server: bytes) -> str:
    """The service's name as the first octets of both sides show it, ``""`` when they show none."""
    found = _recognised(client, server)
    return found.names[0] if found is not None else ""


def name_spoken(number: int, client: bytes, server: bytes, *, opened: bool) -> str:
    """The name of what is spoken at a TCP port: by what it looks like where that tells, else by the port.

    ``client`` and ``server`` are the first octets of both sides, ``opened`` tells that keys opened its TLS.
    """
    port = _BY_PORT.get(("tcp", number))
    name = "" if port is None else (opened and port.inside) or port.name
    by_port = service_of(name)
    contradicted = by_port.contradicted(client, server)
    found = None if by_port.port_decides and not contradicted else _recognised(client, server)
    if found is not None and found is not by_port:
        return found.names[0]
    return "" if contradicted else name


def _recognised(client: bytes, server: bytes) -> Service | None:
    return next((service for service in SERVICES if service.recognises(client, server)), None)
