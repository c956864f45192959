"""Findings, each with the frames that prove it, to be gone to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct
from rich.text import Text

from testbed.report.findings import Told, once
from testbed.report.words import frames
from testbed.trace.analysis import ONE_BY_ONE, Analysis
from testbed.trace.model.finding import Finding
from testbed.view.place import Place
from testbed.view.rows import Rows
from testbed.view.words import joined, sign, told

_MOST_FRAMES = 20
_MOST_PLACES = 20


class Evidence(Struct, frozen=True):
    """A finding, or one of its frames below it.

    ``frame`` is 0 for the finding itself; ``place`` is None where no connection shown is concerned.
    """

    told: Told
    place: Place | None
    frame: int = 0


class Findings(Rows):
    """A row for each finding, and one for each frame it cites."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._evidence: Sequence[Evidence] = ()

    def fill(self, evidence: Sequence[Evidence]) -> None:
        """Show these."""
        self._evidence = evidence
        self.show(len(evidence))

    @property
    def chosen(self) -> Evidence | None:
        """What is under the cursor; for a finding the first frame it cites, None where there is nothing."""
        if not self._evidence:
            return None
        one = self._evidence[self.cursor]
        after = self._evidence[self.cursor + 1 : self.cursor + 2]
        return after[0] if not one.frame and after and after[0].told is one.told else one

    def text_of(self, place: int, width: int) -> Text:
        one = self._evidence[place]
        if one.frame:
            where = f" of #{one.place.number}" if one.place is not None else ", of no connection shown here"
            return told(f"    frame {one.frame}{where}", "quiet")
        return Text(" ").join((sign(one.told.finding.severity), told(one.told.text())))

    def in_full(self) -> Text:
        """The whole sentence, its frames, what says so."""
        if not self._evidence:
            return told("Nothing remarkable was found.", "quiet")
        one = self._evidence[self.cursor].told
        cited = " · ".join(filter(None, (one.finding.code, frames(list(one.frames)), one.finding.reference)))
        return joined(told(one.text()), told(cited, "quiet"))


def of_capture(analyses: Iterable[Analysis]) -> list[Evidence]:
    """What there is to say of captures, with its places."""
    return [one for analysis in analyses for one in _evidence(analysis, analysis.findings)]


def of_connection(place: Place) -> list[Evidence]:
    """What there is to say of a connection, what several have in common included where they are few."""
    few = len(place.analysis.understanding.numbers) <= ONE_BY_ONE
    shared = [one for one in place.analysis.account if place.number in one.connections] if few else []
    return [*_evidence(place.analysis, [*shared, *place.connection.findings])]


def _evidence(analysis: Analysis, found: Iterable[Finding]) -> Iterator[Evidence]:
    found, concerns = tuple(found), dict[str, dict[int, None]]()
    for finding in found:
        concerns.setdefault(finding.text, {}).update(dict.fromkeys(finding.connections))
    for one in once(found):
        numbers = [number for number in concerns[one.finding.text] if number in analysis.connections.numbers]
        concerned = [Place(analysis, number) for number in numbers[:_MOST_PLACES]]
        yield Evidence(one, concerned[0] if concerned else None)
        owners = [(place, place.frames) for place in concerned]
        for frame in list(one.frames)[:_MOST_FRAMES]:
            yield Evidence(one, next((place for place, own in owners if frame in own), None), frame)
