"""``testbed run --svg``: a picture of the way of the mail for each scenario."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from testbed.errors import MachineError, TestbedError, UsageError, not_written
from testbed.outcome import Outcome
from testbed.plural import count
from testbed.protocols.text import shown
from testbed.whole_file import whole_file

_SUFFIX = ".svg"


class Pictures:
    """Pictures go into a folder, named as the traces are; or into one file, where there is one scenario.

    Raises UsageError where several would go into one file.
    """

    def __init__(self, target: str | None, scenarios: int) -> None:
        self._target = Path(target) if target else None
        self._one = self._target is not None and self._target.suffix.lower() == _SUFFIX
        if self._one and scenarios > 1:
            raise UsageError(f"--svg {shown(target or '')}: there are {count(scenarios, 'scenario')}; name a folder")

    def write(self, outcomes: Iterable[Outcome], names: Mapping[int, str]) -> None:
        """Draw what has a trace; ``names`` are those of scenarios, by their ids.  Raises MachineError, at the end."""
        if self._target is None:
            return
        from testbed.report.pictures.svg import svg
        from testbed.report.pictures.way import way

        complaints: list[TestbedError] = []
        for outcome in outcomes:
            if outcome.analysis is None:
                continue
            file = self._target if self._one else self._target / f"{names[id(outcome.scenario)]}{_SUFFIX}"
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                with whole_file(file) as out:
                    out.write(svg(way([outcome.analysis])).encode())
            except OSError as error:
                complaints.append(not_written(f"{shown(file)}: the picture cannot be written", error))
        if complaints:
            raise complaints[0] if len(complaints) == 1 else MachineError("; ".join(map(str, complaints)))
