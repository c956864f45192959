"""What stands between a client and a server of SMTP: proxies that say for whom they speak, firewalls that rewrite."""

from __future__ import annotations

import re
from collections.abc import Iterator

from testbed.protocols.smtp import HELLOS
from testbed.trace.model.connection import Connection
from testbed.trace.model.exchange import Exchange
from testbed.trace.model.finding import Finding, Severity

_FOR_OTHERS = ("XCLIENT", "XFORWARD")
_ATTRIBUTE = re.compile(r"(ADDR|NAME|PORT)=(\S+)", re.I)
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_FEWEST = 6  # asterisks of a greeting that was masked
_MASKED_COMMAND = re.compile(r"X{4,}")
_MASKED_KEYWORD = re.compile(r"X{4,}[A-Z]?")
_QUOTED_MASK = re.compile(r"\bX{4,}\b")


def speaks_for_another(connection: Connection) -> Iterator[Finding]:
    """A proxy that tells by XCLIENT or XFORWARD whose mail it passes on."""
    for verb in _FOR_OTHERS:
        told: dict[str, str] = {}
        frames: list[int] = []
        for exchange in connection.exchanges:
            command, reply = exchange.command, exchange.reply
            if command is not None and command.verb == verb and reply is not None and reply.code[:1] == "2":
                frames += exchange.frames
                for name, value in _ATTRIBUTE.findall(command.argument):
                    told.setdefault(name.upper(), _plain(value))
        address, name = told.get("ADDR", ""), told.get("NAME", "")
        if not address and not name:
            continue
        whose = f"{address} ({name})" if address and name else address or name
        text = f"{connection.client.label} used {verb} to tell {connection.server.label} whose mail this is: that of "
        text += f"{whose}, the true client"
        yield connection.finding("speaks-for-another", Severity.INFO, text, tuple(frames), f"Postfix {verb}")


def _plain(value: str) -> str:
    """A value without xtext (RFC 3461 §4); ``""`` where it says that there is none."""
    text = _XTEXT.sub(lambda found: chr(int(found[1], 16)), value)
    text = "".join(letter for letter in text if letter.isprintable())[:100]
    return "" if text.startswith("[") else text.removeprefix("IPV6:").removeprefix("ipv6:")


def rewritten_dialogue(connection: Connection) -> Iterator[Finding]:
    """A firewall that masks what it does not know: asterisks in the greeting, X in commands and keywords."""
    found: dict[str, Exchange] = {}
    for exchange in connection.exchanges:
        command, reply = exchange.command, exchange.reply
        verb = command.verb if command is not None else ""
        if _MASKED_COMMAND.fullmatch(verb):
            found.setdefault(f"a command arrived as {verb}", exchange)
        if reply is None:
            continue
        if verb in ("connect", "") and _is_masked(reply.text):
            found.setdefault("the greeting is masked with asterisks", exchange)
        if verb in HELLOS and any(_MASKED_KEYWORD.fullmatch(line.strip()) for line in reply.lines[1:]):
            found.setdefault("what the server offers is masked", exchange)
        elif reply.code[:1] == "5" and not verb.startswith("X") and (quoted := _QUOTED_MASK.search(reply.text)):
            found.setdefault(f"{verb} arrived as {quoted[0]}", exchange)
    if found:
        text = f"something between {connection.client.label} and {connection.server.label} rewrites their dialogue, as "
        text += f"firewalls that inspect SMTP do: {', '.join(found)}; extensions such as STARTTLS are lost"
        frames = tuple(dict.fromkeys(frame for exchange in found.values() for frame in exchange.frames))
        yield connection.finding("dialogue-rewritten", Severity.WARNING, text, frames, "RFC 3207 §6")


def _is_masked(greeting: str) -> bool:
    written = greeting.replace(" ", "")
    return written.count("*") >= max(_FEWEST, len(written) // 2)
