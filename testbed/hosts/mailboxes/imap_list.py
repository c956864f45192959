"""Which folders LIST and LSUB mean (RFC 3501 §6.3.8): names against a pattern, in time linear in both.

pymap makes a regular expression of the pattern, over which a handful of wildcards can keep it for ever.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from pymap.listtree import ListEntry, ListTree

from testbed.hosts.mailboxes.mailbox import INBOX

DELIMITER = "/"


class FolderTree(ListTree):
    """The folders of a mailbox."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(DELIMITER)

    def list_matching(self, ref_name: str, filter_: str) -> Iterable[ListEntry]:
        """The folders that a reference and a pattern mean; INBOX in any case (RFC 3501 §5.1)."""
        text = ref_name + filter_
        pattern, of_inbox = Pattern(text), Pattern(text.upper())
        return [entry for entry in self.list() if (of_inbox if entry.name == INBOX else pattern).matches(entry.name)]


class Pattern:
    """``*`` stands for anything, ``%`` for anything without the delimiter."""

    def __init__(self, text: str) -> None:
        # Bit n of each is about the place before the nth character that is no wildcard.
        self._goes_on: dict[str, int] = defaultdict(int)
        self._stays = self._stays_within = 0
        place = 1
        for character in text:
            if character == "*":
                self._stays |= place
            elif character == "%":
                self._stays_within |= place
            else:
                self._goes_on[character] |= place
                place <<= 1
        self._end = place

    def matches(self, name: str) -> bool:
        """Whether a whole name is meant."""
        places = 1
        for character in name:
            stays = self._stays if character == DELIMITER else self._stays | self._stays_within
            places = (places & stays) | ((places & self._goes_on.get(character, 0)) << 1)
        return bool(places & self._end)
