"""Sentences for what a dialogue remarks on: where it breaks its protocol, or gives away what it should not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from testbed.trace.model.connection import Connection, Handshake
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.model.sentence import Sentence
from testbed.trace.services.service import Finder


def injected(verb: str, reference: str) -> dict[str, Sentence]:
    """The sentence about commands in clear behind the one that begins TLS."""
    text = "command injection: {client}'s side sent {detail} in clear right after " + verb
    text += "; a server that keeps it treats it as if it had come through TLS"
    return {"commands-behind-starttls": Sentence(Severity.ERROR, text, reference)}


def in_clear(reference: str) -> dict[str, Sentence]:
    """The sentence about credentials without TLS."""
    text = "{client} sent credentials without TLS, readable by anybody on the way: {detail}"
    return {"credentials-in-clear": Sentence(Severity.INFO, text, reference)}


def told_as(sentences: Mapping[str, Sentence]) -> Finder:
    """A finder that tells everything a dialogue has remarked on, by the codes of the remarks."""

    def finder(connection: Connection) -> Iterator[Finding]:
        begun = connection.opening.handshake is Handshake.COMPLETE and connection.unheard is None
        for remark in connection.remarks:
            sentence = sentences[remark.code]
            if begun or not sentence.ordered:
                yield sentence.about(connection, remark)

    return finder
