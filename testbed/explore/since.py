"""What is new since earlier results: points that were not there, or went otherwise, and faults that were not tried."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from testbed.explore.candidate import Candidate
from testbed.explore.cause import causes
from testbed.explore.journal import key_of
from testbed.explore.ran import Came, Ran


class Since(Struct, frozen=True):
    """Earlier ``runs``, by :func:`~testbed.explore.journal.key_of`, and the run without faults of today, ``first``."""

    runs: Mapping[str, Ran]
    first: Ran

    @property
    def causes(self) -> frozenset[str]:
        """What was broken then."""
        return frozenset(name for ran in self.runs.values() for name in causes(ran))

    @property
    def changed_hosts(self) -> frozenset[str]:
        """The hosts and names that went otherwise without any fault."""
        before = self.runs.get(key_of(()))
        then, now = dict(before.by_host) if before is not None else {}, dict(self.first.by_host)
        return frozenset(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))

    def same(self) -> frozenset[str]:
        """The keys of single faults that can wait: they were tried then, at a point that went as it goes now."""
        changed = self.changed_hosts
        return frozenset(
            one.key for one in self.first.opened if self._was_tried(one) and not changed & set(str(one.point).split())
        )

    def _was_tried(self, candidate: Candidate) -> bool:
        ran = self.runs.get(key_of((candidate,)))
        return ran is not None and ran.came is not Came.NOT_OVER
