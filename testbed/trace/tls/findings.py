"""What goes wrong in TLS, as far as it shows in clear or keys opened it."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.protocols.tls import CLOSE_NOTIFY, USER_CANCELED, alert_name, version_name
from testbed.trace.flows import CLIENT
from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import Reply
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.model.tls import Alert, TlsSession
from testbed.trace.tls.certificates import ABOUT_CERTIFICATES, Flaw, flaw_of

_STARTTLS = frozenset({"STARTTLS", "STLS"})
_LOGINS = frozenset({"AUTH", "LOGIN", "AUTHENTICATE", "USER", "PASS"})
_MAIL = frozenset({"MAIL"})
# Alerts that name one flaw of a certificate; whatever else is wrong with it was not the reason.
_FITTING = {45: "tls-certificate-expired", 48: "tls-certificate-self-signed"}
_OLD = {0x0300: "RFC 7568 §3", 0x0301: "RFC 8996 §4", 0x0302: "RFC 8996 §5"}


def tls_alerts(connection: Connection) -> Iterator[Finding]:
    """Alerts that tell of a failure (RFC 8446 §6.2); close_notify is only a goodbye."""
    tls = connection.tls
    if tls is None:
        return
    for alert in {(one.side, one.code): one for one in reversed(tls.alerts)}.values():
        if alert.code not in (CLOSE_NOTIFY, USER_CANCELED):
            name, severity = _named(alert)
            text = _alert_text(connection, tls, alert)
            if alert.side == CLIENT and alert.code in ABOUT_CERTIFICATES and tls.certificate:
                flaw = flaw_of(tls.certificate, tls.server_name, connection.end_ns)
                if flaw is not None and flaw.code == _FITTING.get(alert.code, flaw.code):
                    name, text = flaw.code, _flaw_text(connection, alert, flaw)
            yield connection.finding(name, severity, text, (alert.frame,), "RFC 8446 §6.2")


def _named(alert: Alert) -> tuple[str, Severity]:
    if alert.code is None:
        return "tls-encrypted-alert", Severity.ERROR
    name = alert_name(alert.code)[0].replace("_", "-").replace(" ", "-").removeprefix("alert-")
    return f"tls-{name}", Severity.ERROR if alert.fatal else Severity.WARNING


def _alert_text(connection: Connection, tls: TlsSession, alert: Alert) -> str:
    ends = (connection.client.label, connection.server.label)
    mine, peer = ends[alert.side], ends[1 - alert.side]
    if alert.code is None:
        return (
            f"{mine} broke off the TLS handshake with {peer} with an encrypted alert, most often because it does not "
            "accept the certificate; a key log (--keylog) shows the reason"
        )
    name, meaning = alert_name(alert.code)
    text = f"{mine} {'broke off' if alert.fatal else 'complained about'} TLS with {peer}: {meaning} ({name})"
    if name == "protocol_version" and alert.side != CLIENT:
        text += f"; the client offered {version_name(tls.offered)} at most"
    if name == "unrecognized_name":
        text += f"; the client asked for {tls.server_name or 'no name'}"
    return text


def _flaw_text(connection: Connection, alert: Alert, flaw: Flaw) -> str:
    name = alert_name(alert.code)[0] if alert.code is not None else ""
    ends = connection.client.label, connection.server.label
    return f"{ends[0]} broke off TLS with {ends[1]} because of its certificate: {flaw.text} ({name})"


def old_tls(connection: Connection) -> Iterator[Finding]:
    """Versions that must not be used any more (RFC 8996)."""
    tls = connection.tls
    if tls is None or tls.version not in _OLD:
        return
    text = f"{connection.client.label} and {connection.server.label} agreed on {version_name(tls.version)}, "
    text += "which is insecure and must no longer be used"
    frame = next((frame for frame, side, _ in tls.steps if side != CLIENT), tls.hello_frame)
    yield connection.finding("tls-version-old", Severity.WARNING, text, (frame,), _OLD[tls.version])


def plain_after_starttls(connection: Connection) -> Iterator[Finding]:
    """Mail or a login in clear after the server would not begin TLS."""
    refusal: tuple[str, Reply] | None = None
    for exchange in connection.exchanges:
        verb = exchange.command.verb if exchange.command is not None else ""
        if verb in _STARTTLS and exchange.reply is not None:
            refusal = (verb, exchange.reply) if exchange.reply.code not in ("220", "OK", "+OK") else None
        elif refusal is not None and verb in _MAIL | _LOGINS:
            asked, reply = refusal
            in_vain = exchange.reply is not None and exchange.reply.code[:1] in ("4", "5", "N", "B", "-")
            login = "tried in vain to log in" if in_vain else "logged in"
            what = login if verb in _LOGINS else "sent mail"
            text = f"{connection.server.label} refused {asked} ({reply.status}), and {connection.client.label} {what} "
            text += "without encryption"
            severity = Severity.ERROR if verb in _LOGINS else Severity.WARNING
            reference = "RFC 8314 §5.2" if verb in _LOGINS else "RFC 3207 §6"
            frames = (*reply.frames, *exchange.frames[:1])
            yield connection.finding("plain-after-starttls", severity, text, frames, reference)
            return
