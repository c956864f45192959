"""Answers of name servers that are not what they should be, in sentences."""

from __future__ import annotations

from testbed.trace.model.finding import Severity
from testbed.trace.model.sentence import Sentence
from testbed.trace.services.sentences import told_as

_SENTENCES = {
    "answer-truncated": Sentence(
        Severity.INFO,
        "{server}'s answer to {client} ({detail}) was too long for UDP; the question has to be asked again over TCP",
        "RFC 7766 §5",
    ),
    "malformed-answer": Sentence(
        Severity.WARNING,
        "{server} sent {client} an answer that breaks off or cannot be read ({detail}); it counts as none",
        "RFC 1035 §4.1",
    ),
    "answer-with-wrong-id": Sentence(
        Severity.WARNING,
        "{client} got an answer from {server} whose id is not that of the question ({detail}): it may be forged, and "
        "must not be used",
        "RFC 5452 §9.1",
    ),
}

odd_answers = told_as(_SENTENCES)
