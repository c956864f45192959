"""JUnit XML as Jenkins, GitLab and others read it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings

from testbed.report.junit import junit_xml
from tests.conftest import PROJECT
from tests.report.runs import (
    TEXTS,
    broken,
    changed,
    every_kind,
    failed,
    held,
    hostile,
    inspected,
    run,
    scenarios,
    skipped,
)


@dataclass(frozen=True)
class Element:
    """What Jenkins' junit-10.xsd says of an element: its attributes, its children, and whether it holds text."""

    required: str = ""
    optional: str = ""
    children: str = ""
    text: bool = False


SCHEMA = {
    "testsuites": Element(optional="name time tests failures errors", children="testsuite"),
    "testsuite": Element(
        required="name tests failures errors",
        optional="group time skipped timestamp hostname id package file log url version",
        children="testsuite properties testcase system-out system-err",
    ),
    "properties": Element(children="property"),
    "property": Element(required="name value"),
    "testcase": Element(
        required="name",
        optional="time classname group",
        children="skipped error failure rerunFailure rerunError flakyFailure flakyError system-out system-err",
    ),
    **{name: Element(optional="type message", text=True) for name in ("failure", "error", "skipped")},
    **{name: Element(text=True) for name in ("system-out", "system-err")},
}
BEYOND = {"testcase": {"file", "line"}}
TIME = re.compile(r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]*)?")


def check(document: str, beyond: dict[str, set[str]] = BEYOND) -> ET.Element:
    """The document, held against the schema, and its counts against what it holds."""
    root = ET.fromstring(document.encode())
    assert root.tag == "testsuites"
    for element in root.iter():
        rules = SCHEMA[element.tag]
        given_names, required = set(element.attrib), set(rules.required.split())
        assert required <= given_names
        assert given_names <= required | set(rules.optional.split()) | beyond.get(element.tag, set())
        assert {child.tag for child in element} <= set(rules.children.split())
        assert rules.text or not (element.text or "").strip()
        assert not (element.tail or "").strip()
    for element in (root, *root.iter("testsuite")):
        cases = list(element.iter("testcase"))
        assert TIME.fullmatch(element.attrib["time"])
        assert int(element.attrib["tests"]) == len(cases)
        for counted, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            if counted in element.attrib:
                assert int(element.attrib[counted]) == sum(case.find(tag) is not None for case in cases)
    known = [(case.get("classname"), case.get("name"), case.get("file")) for case in root.iter("testcase")]
    assert len(set(known)) == len(known), "GitLab takes only the first test of a name"
    for case in root.iter("testcase"):
        assert len([child for child in case if child.tag in ("failure", "error", "skipped")]) <= 1
    return root


def cases(document: str) -> list[ET.Element]:
    return list(check(document).iter("testcase"))


def test_a_file_is_a_suite_and_each_case_of_it_a_test_case() -> None:
    one, two = scenarios(), scenarios("Another", "scenarios/dns/other.one.yaml")
    root = check(junit_xml(run(held(one[0]), held(one[1]), held(two[0]), held(two[1]))))
    assert [suite.get("file") for suite in root] == ["scenarios/one.yaml", "scenarios/dns/other.one.yaml"]
    assert [case.get("name") for case in root[0].iter("testcase")] == [
        "Mail is delivered [who=bob]",
        "Mail is delivered [who=carol]",
    ]
    assert {case.get("classname") for case in root[1].iter("testcase")} == {"scenarios.dns.other-one"}
    assert root[0].get("timestamp") == "2026-05-04T03:02:01"
    assert {p.get("name"): p.get("value") for p in root[0].iter("property")}["seed"] == "0"


def test_a_failure_says_what_where_and_how_to_look_at_it() -> None:
    [case] = cases(junit_xml(run(failed(scenarios()[0], "nothing", Path("my traces/one.pcapng")))))
    assert (case.get("file"), case.get("line"), case.get("time")) == ("scenarios/one.yaml", "5", "1.500")
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("message") == "bounced nothing: seen nothing (and 1 more)"
    told = (failure.text or "").splitlines()
    for line in (
        "expected: bounced nothing",
        "seen: seen nothing",
        "at: scenarios/one.yaml:5",
        "    - bounced: {to: alice@crepes.fr}",
        "evidence: frames 31, 58",
        "trace: my traces/one.pcapng",
        "look at it: testbed inspect 'my traces/one.pcapng'",
        "expected: no mail is lost",
    ):
        assert line in told
    assert case.findtext("system-out") == "[[ATTACHMENT|my traces/one.pcapng]]"


def test_a_lab_that_died_is_an_error_with_its_last_word() -> None:
    traceback = "Traceback (most recent call last):\n  File x\nZeroDivisionError: ouch"
    one, two = cases(
        junit_xml(
            run(broken(scenarios()[0], traceback, "ZeroDivisionError: ouch"), broken(scenarios()[1], "no TUN here"))
        )
    )
    first, second = one.find("error"), two.find("error")
    assert first is not None
    assert second is not None
    assert first.get("message") == "the lab runs to its end: ZeroDivisionError: ouch"
    assert "  File x" in (first.text or "")
    assert second.get("message") == "the lab runs to its end: no TUN here"


def test_a_step_that_could_not_be_played_stands_at_its_line() -> None:
    why = "there is no program 'swaks' here"
    [case] = cases(junit_xml(run(broken(scenarios()[0], f"scenarios/one.yaml:3: {why}", why, 3))))
    found = case.find("error")
    assert found is not None
    assert found.get("message") == "the lab runs to its end: there is no program 'swaks' here"
    assert case.get("line") == "3"


def test_what_changed_since_the_reference_is_a_failure() -> None:
    [case] = cases(junit_xml(run(changed(scenarios()[0], "it said 250", 25))))
    found = case.find("failure")
    assert found is not None
    assert found.get("message") == "the same as in references/one.pcapng: it said 250 0 (and 24 more)"
    lines = (found.text or "").splitlines()
    assert "≠ it said 250 0 [before: frame 40; now: frames 50, 60]" in lines
    assert "… and 5 more" in lines


def test_who_was_not_played_is_skipped_with_the_reason() -> None:
    [case] = cases(junit_xml(run(skipped(scenarios()[0], "it needs swaks, not installed here"))))
    found = case.find("skipped")
    assert found is not None
    assert found.get("message") == "it needs swaks, not installed here"


def test_findings_stand_beside_the_attachment() -> None:
    [case] = cases(junit_xml(run(inspected(scenarios()[0], "x"))))
    lines = (case.findtext("system-out") or "").splitlines()
    assert any("mailbox full (temporary)" in line for line in lines)
    assert lines[-1] == f"[[ATTACHMENT|{PROJECT / 'captures' / 'mailbox-full.pcapng'}]]"


def test_a_run_of_nothing_is_a_document_too() -> None:
    assert len(check(junit_xml(run(shard="5/5")))) == 0


def test_without_file_and_line_it_is_what_the_strict_schema_wants() -> None:
    """The command docs/ci.md gives to users of Jenkins' xUnit plugin."""
    [expression] = re.findall(r"sed -E -i '(.*)' report\.xml", (PROJECT / "docs" / "ci.md").read_text())
    wanted, replacement = re.fullmatch(r"s/(.*)/(.*)/", expression).groups()  # type: ignore[union-attr]
    document = "\n".join(
        re.sub(wanted, replacement, line, count=1) for line in junit_xml(every_kind("x\">' y")).splitlines()
    )
    check(document, beyond={})


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
@pytest.mark.parametrize(
    "path", ["traces/a.pcapng", "traces/]]x.pcapng", "traces/\n[[x.pcapng", "traces/\udcff.pcapng"]
)
def test_nobody_but_the_testbed_attaches_files(text: str, path: str) -> None:
    document = junit_xml(run(failed(scenarios(text)[0], text, Path(path)), broken(scenarios(text)[1], text)))
    check(document)
    attached = re.findall(r"\[\[ATTACHMENT\|(.*?)\]\]", document)
    assert attached in ([path], [], ["traces/\\udcff.pcapng"])


@settings(max_examples=60)
@given(hostile)
def test_whatever_strangers_say_it_stays_what_the_schema_says(text: str) -> None:
    found = cases(junit_xml(every_kind(text)))
    assert len(found) == 5
    assert [[child.tag for child in case][:1] for case in found] == [
        ["failure"],
        ["error"],
        ["skipped"],
        [],
        ["failure"],
    ]
