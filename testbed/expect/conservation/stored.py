"""What lies in the Maildirs of programs, known again as what was sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from testbed.expect.conservation.passages import Passage
from testbed.expect.observed import programs
from testbed.protocols import events
from testbed.trace.analysis import Analysis
from testbed.trace.model.log import AnyEntry


def known_again(analysis: Analysis, carried: Sequence[Passage]) -> tuple[AnyEntry, ...]:
    """The log, in which a message stored by a program has the Message-ID it was sent with.

    One whose Message-ID nobody has sent to that host is known by its body.
    """
    hosts = programs(analysis)
    sent = {(passage.server, passage.message_id) for passage in carried}
    by_body = {
        (passage.server, passage.recipient, text): passage.message_id
        for passage in carried
        if passage.content is not None
        for text in (passage.content.text_sha256, passage.content.unquoted_sha256)
    }

    def known(entry: AnyEntry) -> AnyEntry:
        event = entry.event
        if not isinstance(event, events.Stored) or entry.host not in hosts or (entry.host, event.message_id) in sent:
            return entry
        text = event.unquoted_sha256 or event.text_sha256
        original = by_body.get((entry.host, event.recipient.lower(), text), event.message_id)
        return entry if original == event.message_id else replace(entry, event=replace(event, message_id=original))

    return tuple(map(known, analysis.log))
