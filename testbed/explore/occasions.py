"""Which of the rules that always hold a run gave an occasion to break: as far as that can be read off its passages.

What never had one was not tested, however many runs were green.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from testbed.expect.conservation import ASTRAY, DOUBLED, KEPT, LOST, SENT_AGAIN, UNALTERED
from testbed.expect.conservation.passages import Answer, Passage, passages
from testbed.expect.rules.tries import tries
from testbed.explore.ran import Ran
from testbed.scenario.client import ClientSpec
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis


class _Seen(Struct, frozen=True):
    """What a run shows: who was handed what, and the statuses of the replies that relays met."""

    scenario: Scenario
    carried: Sequence[Passage]
    statuses: frozenset[str]

    def was_refused(self, digits: str) -> bool:
        return any(status[:1] in digits for status in self.statuses if status)

    @property
    def is_promised(self) -> bool:
        return any(one.promised for one in self.carried)


_Occasion = Callable[[_Seen], bool]


OCCASIONS: dict[str, _Occasion] = {
    LOST: lambda seen: seen.is_promised,
    ASTRAY: lambda seen: seen.is_promised,
    UNALTERED: lambda seen: seen.is_promised,
    DOUBLED: lambda seen: seen.is_promised,
    SENT_AGAIN: lambda seen: any(one.answer is Answer.TAKEN for one in seen.carried),
    KEPT: lambda seen: seen.was_refused("45"),
    "no mail is given up after a first temporary refusal (RFC 5321 §4.5.4.1)": lambda seen: seen.was_refused("4"),
    "mail that is refused for now is not tried again at once (RFC 5321 §4.5.4.1)": lambda seen: seen.was_refused("4"),
    "no mail is tried again after a permanent refusal (RFC 5321 §4.2.1)": lambda seen: seen.was_refused("5"),
    "mail from the null path is neither bounced nor answered (RFC 5321 §6.1, RFC 3834 §2)": lambda seen: any(
        not one.sender and one.promised for one in seen.carried
    ),
    "no mail server passes on strangers' mail to other domains (RFC 2505 §2.1)": lambda seen: any(
        isinstance(seen.scenario.hosts.get(one.client), ClientSpec) for one in seen.carried
    ),
}
"""When a rule, named as its verdict names it, can be broken at all; rules of which that is not told are left out."""


def occasions(scenario: Scenario, analysis: Analysis) -> tuple[int, ...]:
    """The places in :data:`OCCASIONS` of the rules that a run could have broken."""
    carried = passages(analysis)
    statuses = frozenset(one.status for several in tries(analysis, carried).values() for one in several)
    seen = _Seen(scenario, carried, statuses)
    return tuple(place for place, occasion in enumerate(OCCASIONS.values()) if occasion(seen))


def counted(runs: Iterable[Ran]) -> dict[str, int]:
    """In how many runs each rule could have been broken."""
    found = dict.fromkeys(OCCASIONS, 0)
    names = list(OCCASIONS)
    for ran in runs:
        for place in ran.occasions:
            found[names[place]] += 1
    return found


def covered(runs: Iterable[Ran]) -> str:
    """How many of the rules had an occasion, and which had none, in a sentence without its dot."""
    found = counted(runs)
    never = [name for name, many in found.items() if not many]
    words = f"{len(found) - len(never)} of {len(found)} rules of mail servers could have been broken"
    return f"{words}; never: {', '.join(never)}" if never else words
