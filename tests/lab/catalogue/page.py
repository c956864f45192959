"""docs/catalogue.md: every scenario of the catalogue, the fault it injects, and the cause found in its trace.

``python -m tests.lab.catalogue.page`` prints it; what is found is read from the reference traces in captures/.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path

from testbed.scenario.scenario import Scenario
from testbed.trace.inspect import inspect
from testbed.trace.model.finding import Finding
from tests.conftest import PROJECT
from tests.scenarios import SCENARIOS

_OPENING = """# The catalogue of failures

This page lists every scenario in [scenarios/](../scenarios/), what goes wrong in it, and the cause that the inspector
finds. It is generated from the reference traces in [captures/](../captures/). The inspector reads their packets like
those of any other capture: it sees neither the list of faults nor the hosts' logs.

```
testbed run scenarios/
```

Each scenario is green here because this relay and this receiver do what the RFC says. For each scenario, a test breaks
what it guards and checks that it turns red."""

_CAUSES = """## What the causes say

One sentence for each, from the first trace that has it."""


def page() -> str:
    """The whole page."""
    found = {s.name: inspect(PROJECT / "captures" / f"{s.name}.pcapng").findings for s in SCENARIOS}
    folders: dict[str, list[Scenario]] = {}
    for scenario in SCENARIOS:
        folders.setdefault(_folder(scenario), []).append(scenario)
    parts = [_OPENING]
    for folder, members in sorted(folders.items()):
        rows = [_row(scenario, found[scenario.name]) for scenario in members]
        parts += [f"## {_title(folder)}", _table(("scenario", "what goes wrong", "causes found"), rows)]
    parts += [_CAUSES, _table(("cause", "says", "reference"), list(_causes(found.values())))]
    return "\n\n".join(parts) + "\n"


def _folder(scenario: Scenario) -> str:
    folder = Path(scenario.file).parent.name
    return "" if folder == "scenarios" else folder


def _title(folder: str) -> str:
    group = import_module(f"tests.lab.catalogue.groups.{folder or 'textbook'}")
    return (group.__doc__ or folder).removesuffix(".")


def _row(scenario: Scenario, findings: tuple[Finding, ...]) -> str:
    path = Path(scenario.file).relative_to(PROJECT)
    case = f" {scenario.case}" if scenario.case else ""
    wrong = "; ".join(fault.describe() for fault in scenario.faults) or scenario.title
    codes = ", ".join(f"`{code}`" for code in sorted({finding.code for finding in findings})) or "nothing"
    return f"| [{path.stem}](../{path}){_cell(case)} | {_cell(wrong)} | {codes} |"


def _causes(found: Iterable[tuple[Finding, ...]]) -> Iterator[str]:
    first: dict[str, Finding] = {}
    for findings in found:
        for finding in findings:
            first.setdefault(finding.code, finding)
    for code in sorted(first):
        yield f"| `{code}` | {_cell(first[code].text)} | {_cell(first[code].reference)} |"


def _table(head: tuple[str, ...], rows: list[str]) -> str:
    return "\n".join([f"| {' | '.join(head)} |", "| " + " | ".join("---" for _ in head) + " |", *rows])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


if __name__ == "__main__":
    print(page(), end="")
