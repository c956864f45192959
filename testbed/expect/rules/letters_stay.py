"""RFC 5321 §4.5.2: what a client is given to send is what arrives, whatever its lines begin with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from testbed.expect.conservation.copies import named
from testbed.expect.conservation.octets import difference
from testbed.expect.conservation.passages import Content, Passage, content_of
from testbed.expect.verdict import Verdict
from testbed.protocols.header import header_field
from testbed.scenario.program_hosts import placeholders
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis

_WHAT = "letters are sent as they were written (RFC 5321 §4.5.2)"


def letters_stay(scenario: Scenario, analysis: Analysis, carried: Sequence[Passage]) -> Iterator[Verdict]:
    """A host sent a message that its scenario has written into one of its files, and sent it otherwise."""
    for host, spec in scenario.hosts.items():
        letters = _letters(spec.files.values() if isinstance(spec.files, dict) else ())
        for passage in carried if letters else ():
            written = letters.get(passage.message_id)
            if passage.client != host or passage.content is None or written is None:
                continue
            sent = passage.content
            wrong = difference([written], sent.text_sha256, sent.loose_sha256, sent.fields)
            if wrong:
                why = f"{host} altered {named(passage.message_id)}, which its scenario has written: {wrong}"
                yield Verdict(_WHAT, False, why, passage.frames)


def _letters(texts: Iterable[str]) -> dict[str, Content]:
    """The messages among files, by their Message-ID; those with facts of the lab in them are known only there."""
    found = {}
    for text in texts:
        octets = text.replace("\r\n", "\n").replace("\n", "\r\n").encode()
        message_id = header_field(octets, "Message-ID")
        if message_id and not placeholders(text):
            found[message_id] = content_of(octets)
    return found
