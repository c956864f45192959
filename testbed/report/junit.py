"""A run as JUnit XML, as Jenkins, GitLab and their like read it.

There is no standard.  The elements and attributes are those of Jenkins' junit-10.xsd, and ``file`` and ``line`` at a
test case besides, which GitLab and GitHub's report actions use.  A file is a test suite, each of its cases a test case.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import PurePath
from xml.etree import ElementTree as ET

from testbed import __version__
from testbed.outcome import Outcome, Result
from testbed.protocols.text import printable
from testbed.report.failures import account, failures, unjudged
from testbed.report.run import Run, names, why_skipped

_ATTACHABLE = re.compile(r"[^\[\]|]+")


def junit_xml(run: Run) -> str:
    """The document, with its declaration."""
    root = ET.Element("testsuites", {"name": "testbed", **_counts(run.outcomes), "time": _seconds(run.seconds)})
    named = list(zip(run.outcomes, names(run.outcomes), strict=True))
    for file, cases in groupby(named, key=lambda pair: pair[0].scenario.file):
        _suite(root, run, file, list(cases))
    ET.indent(root)
    return f"<?xml version='1.0' encoding='UTF-8'?>\n{ET.tostring(root, encoding='unicode')}\n"


def _suite(root: ET.Element, run: Run, file: str, cases: Sequence[tuple[Outcome, str]]) -> None:
    outcomes = [outcome for outcome, _ in cases]
    skipped = sum(outcome.result is Result.SKIPPED for outcome in outcomes)
    suite = ET.SubElement(
        root,
        "testsuite",
        {
            "name": _text(file),
            **_counts(outcomes),
            "skipped": str(skipped),
            "time": _seconds(sum(outcome.played.seconds for outcome in outcomes)),
            "timestamp": run.started.strftime("%Y-%m-%dT%H:%M:%S"),
            "file": _text(file),
        },
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(run, outcomes[0]).items():
        ET.SubElement(properties, "property", {"name": name, "value": _text(value)})
    for outcome, name in cases:
        _case(suite, outcome, name)


def _properties(run: Run, outcome: Outcome) -> dict[str, str]:
    scenario = outcome.scenario
    known = {"testbed": __version__, "python": platform.python_version(), "shard": run.shard}
    known |= {"rfc": scenario.rfc, "seed": str(scenario.seed), "ip": scenario.ip}
    return {name: value for name, value in known.items() if value}


def _case(suite: ET.Element, outcome: Outcome, name: str) -> None:
    found = failures(outcome)
    line = next((failure.line for failure in found if failure.line), 1)
    case = ET.SubElement(
        suite,
        "testcase",
        {
            "classname": _class_name(outcome.scenario.file),
            "name": _text(name),
            "time": _seconds(outcome.played.seconds),
            "file": _text(outcome.scenario.file),  # these two stay last: docs/ci.md shows how to take them out
            "line": str(line),
        },
    )
    if outcome.result is Result.SKIPPED:
        ET.SubElement(case, "skipped", {"message": _text(why_skipped(outcome))})
    if found:
        first = f"{found[0].what}: {found[0].why}"
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        kind, word = ("error", "lab") if outcome.result is Result.ERROR else ("failure", "expectation")
        told = ET.SubElement(case, kind, {"message": _text(first + more), "type": word})
        told.text = "\n\n".join(_lines(account(outcome, failure)) for failure in found)
    if said := _said(outcome) if outcome.result is not Result.HELD else _lines(unjudged(outcome)):
        ET.SubElement(case, "system-out").text = said


def _said(outcome: Outcome) -> str:
    """What the inspector found, and the trace where Jenkins, GitLab and Azure look for attachments."""
    findings = outcome.findings
    lines = [f"{finding.severity}: {_text(finding.text)}" for finding in findings]
    if outcome.played.trace and _ATTACHABLE.fullmatch(path := printable(str(outcome.played.trace))):
        lines.append(f"[[ATTACHMENT|{path}]]")
    return "\n".join(lines)


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(map(_text, lines))


def _text(text: str) -> str:
    """Text that holds no character XML forbids, and attaches no file: mail may say ``[[ATTACHMENT|/etc/passwd]]``."""
    return printable(text).replace("[[", "[ [")


def _class_name(file: str) -> str:
    """``scenarios.dns.no-mx``: what is before the last dot is taken for a folder."""
    parts = (part.replace(".", "-") for part in PurePath(file).with_suffix("").parts if part not in ("..", "/"))
    return _text(".".join(parts))


def _counts(outcomes: Sequence[Outcome]) -> dict[str, str]:
    results = [outcome.result for outcome in outcomes]
    failed, broken = results.count(Result.FAILED), results.count(Result.ERROR)
    return {"tests": str(len(results)), "failures": str(failed), "errors": str(broken)}


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"
