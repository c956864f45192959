"""Sentences for what a dialogue remarks on: where it breaks its protocol, or gives away what it should not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from testbed.trace.model.connection import Connection, Handshake
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.services.service import Finder


@dataclass(frozen=True, slots=True)
class Sentence:
    """How a remark is told: ``text`` may name ``{client}``, ``{server}``, and the ``{detail}`` that was seen.

    ``ordered`` tells that it is only worth something when the capture has the beginning.
    """

    severity: Severity
    text: str
    reference: str
    ordered: bool = False


def injected(verb: str, reference: str) -> dict[str, Sentence]:
    """The sentence about commands in clear behind the one that begins TLS."""
    text = "command injection: {client}'s side sent {detail} in clear behind " + verb
    text += "; a server that keeps it obeys it as if it had come through TLS"
    return {"commands-behind-starttls": Sentence(Severity.ERROR, text, reference)}


def in_clear(reference: str) -> dict[str, Sentence]:
    """The sentence about credentials without TLS."""
    text = "{client} sent credentials without TLS, for anybody on the way to read: {detail}"
    return {"credentials-in-clear": Sentence(Severity.INFO, text, reference)}


def told_as(sentences: Mapping[str, Sentence]) -> Finder:
    """A finder that tells everything a dialogue has remarked on, by the codes of the remarks."""

    def finder(connection: Connection) -> Iterator[Finding]:
        ends = {"client": connection.client.label, "server": connection.server.label}
        begun = connection.opening.handshake is Handshake.COMPLETE
        for remark in connection.remarks:
            sentence = sentences[remark.code]
            if sentence.ordered and not begun:
                continue
            text = sentence.text.format(**ends, detail=remark.detail)
            text += f" ({remark.times:,} times)" if remark.times > 1 else ""
            numbers = (connection.number,)
            yield Finding(remark.code, sentence.severity, text, remark.frames, sentence.reference, numbers)

    return finder
