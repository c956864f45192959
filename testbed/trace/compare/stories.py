"""What became of each recipient's mail at each client that had it: the story across its attempts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from testbed.protocols import events
from testbed.trace.compare.change import Change, Fate, FateChange
from testbed.trace.compare.values import Deed, Fingerprint

_PUT_OFF = frozenset({events.Deferred.word, events.KeptInOutbox.word})
_BOUNCED = events.Bounced.word
EVENTS_OF_STORIES = _PUT_OFF | {_BOUNCED, events.Attempt.word, events.Relayed.word, events.Submitted.word}
"""What a changed story has already told."""


@dataclass(slots=True)
class Story:
    """Attempts of one client to be rid of mail for one recipient.

    ``tries`` reached a server's RCPT, ``put_off`` counts how often the client logged that it would try again,
    ``refusals`` are what it met, in order and once each.
    """

    tries: int = 0
    taken: int = 0
    bounced: int = 0
    put_off: int = 0
    refusals: dict[str, None] = field(default_factory=dict)
    frames: list[int] = field(default_factory=list)

    @property
    def fate(self) -> Fate:
        """How it ended."""
        if self.bounced:
            return Fate.BOUNCED
        return Fate.TAKEN if self.taken else Fate.KEPT if self.put_off else Fate.REFUSED

    @property
    def compared(self) -> tuple[object, ...]:
        """What is compared."""
        return self.fate, self.tries, self.taken, self.bounced, self.put_off

    @property
    def why(self) -> str:
        """``452 4.2.2``, or ``a failure`` where no reply tells."""
        return ", ".join(list(self.refusals)[:3]) or "a failure"


def stories(given: Fingerprint) -> dict[tuple[str, str], Story]:
    """Stories by client and recipient."""
    found: dict[tuple[str, str], Story] = {}
    logs = bool(given.deeds)
    senders: dict[tuple[str, str], list[Story]] = {}
    for talk in given.talks:
        for mail in talk.mails:
            for address, status, taken in mail.recipients:
                if not mail.sender and not logs:  # a notification to whom mail came from
                    for story in senders.get((talk.client, address), ()):
                        story.bounced += story.taken == 0
                story = found.setdefault((talk.client, address), Story())
                story.tries += 1
                story.taken += taken
                story.frames += mail.frames[-1:]
                if not taken:
                    story.refusals.setdefault(status)
                senders.setdefault((talk.client, mail.sender), []).append(story)
    for deed in given.deeds:
        for recipient in _recipients(deed):
            if deed.event in _PUT_OFF or deed.event == _BOUNCED:
                story = found.setdefault((deed.host, recipient), Story())
                story.put_off += deed.event in _PUT_OFF
                story.bounced += deed.event == _BOUNCED
                status = dict(deed.about).get("status", "")
                if status and not story.refusals:
                    story.refusals.setdefault(status)
                story.frames += deed.frames
    return found


def _recipients(deed: Deed) -> list[str]:
    about = dict(deed.about)
    return [about["recipient"]] if "recipient" in about else about.get("recipients", "").split()


def changed_stories(
    before: Mapping[tuple[str, str], Story], now: Mapping[tuple[str, str], Story]
) -> Iterator[tuple[tuple[str, str], Change]]:
    """The stories that go otherwise, with their keys."""
    for key, old in before.items():
        new = now.get(key)
        if new is None or new.compared == old.compared:
            continue
        ends, frames = key, (tuple(old.frames), tuple(new.frames))
        counts = max(old.tries, old.put_off), max(new.tries, new.put_off)
        if old.fate is not new.fate:
            retried = new.tries + new.put_off > old.tries + old.put_off
            fates = old.fate, new.fate
            yield key, FateChange("fate", *ends, "", old.why, new.why, *frames, fates=fates, retried=retried)
        elif old.taken != new.taken:
            yield key, Change("copies", *ends, "", old.taken, new.taken, *frames)
        elif old.bounced != new.bounced:
            yield key, Change("bounces", *ends, "", old.bounced, new.bounced, *frames)
        elif counts[0] != counts[1]:  # else its connections and deeds tell
            yield key, Change("tries", *ends, "", *counts, *frames)
