"""Which service listens on which port (IANA), and what its first words look like."""

from __future__ import annotations

import re

_TCP = {
    21: "ftp",
    22: "ssh",
    25: "smtp",
    53: "dns",
    80: "http",
    110: "pop3",
    143: "imap",
    389: "ldap",
    443: "https",
    465: "submissions",
    587: "submission",
    993: "imaps",
    995: "pop3s",
    2525: "smtp",
    8000: "http",
    8080: "http",
}
_UDP = {53: "dns", 67: "dhcp", 123: "ntp", 137: "netbios-ns", 5353: "mdns", 5355: "llmnr"}

_SMTP_COMMAND = re.compile(rb"(?i)(?:EHLO|HELO|LHLO|MAIL FROM:)[ \t]*[^\r\n]")
# A method with the beginning of a target; the eight octets of a head may end before the target.
_HTTP_REQUEST = re.compile(
    rb"(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|TRACE|PATCH|PROPFIND|REPORT)(?:\Z| (?:\Z|/|\*|https?:))"
    rb"|CONNECT (?:\Z|[^\s/])|PRI \* HT"
)

_GREETINGS = {"pop3": (b"+OK", b"-ERR", b"+ "), "imap": (b"* ", b"+ ")}

UNDER_TLS = {"submissions": "submission", "imaps": "imap", "pop3s": "pop3", "https": "http"}
"""What is spoken inside the TLS of a service (RFC 8314 §3)."""

SMTP_SERVICES = frozenset({"smtp", "submission"})


PORTS = frozenset(_TCP) | frozenset(_UDP)  # where servers listen


def service_by_port(transport: str, port: int) -> str:
    """The service's name, ``""`` for an unknown port."""
    return (_TCP if transport == "tcp" else _UDP).get(port, "")


def service_by_content(from_client: bytes, from_server: bytes) -> str:
    """The service as the first octets of both sides show it, ``""`` when they show none."""
    if _SMTP_COMMAND.match(from_client) and (not from_server or from_server[:1] in b"245"):
        return "smtp"
    if from_server.startswith((b"* OK", b"* PREAUTH", b"* BYE")):
        return "imap"
    if from_server.startswith(b"+OK") and not from_client.startswith(b"*"):
        return "pop3"
    if from_server.startswith(b"HTTP/1.") or _HTTP_REQUEST.match(from_client):
        return "http"
    return ""


def contradicted(service: str, from_server: bytes) -> bool:
    """Whether a service told by its port cannot be it: the server's first octets are not its greeting."""
    greetings = _GREETINGS.get(service)
    return greetings is not None and bool(from_server) and not from_server.startswith(greetings)
