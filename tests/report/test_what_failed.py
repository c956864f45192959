"""The report of a run for people: results as they come, and at the end all that is red, in full and once."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from msgspec.structs import replace
from rich.console import Console

from testbed.cli.results import Results
from testbed.cli.verbosity import FINDINGS, QUIET
from testbed.expect import Verdict
from testbed.outcome import Inspected, Outcome
from testbed.played import Played
from testbed.report.console import THEME
from testbed.report.verdicts import why_skipped_together
from testbed.report.what_failed import what_failed
from testbed.scenario.load import parse_cases
from testbed.scenario.scenario import Scenario
from testbed.trace.inspect import inspect
from tests.conftest import PROJECT
from tests.fuzz.checks import check_terminal
from tests.report.runs import broken, changed, every_kind, failed, held, hostile, inspected, scenarios, skipped


def page(width: int = 100) -> Console:
    return Console(file=StringIO(), theme=THEME, width=width, markup=False, highlight=False, emoji=False)


def printed(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().split("\n"))


def ended(outcomes: Sequence[Outcome], *, whole: bool = False, width: int = 100) -> str:
    console = page(width)
    what_failed(console, outcomes, whole=whole)
    return printed(console)


BOB, CAROL = scenarios()


@pytest.mark.parametrize(
    ("outcome", "lines"),
    [
        (
            failed(BOB, "nothing"),
            [
                "✗ Mail is delivered [who=bob]  scenarios/one.yaml",
                "  scenarios/one.yaml:5  bounced nothing",
                "      - bounced: {to: alice@crepes.fr}",
                "    seen   seen nothing  [frames 31, 58]",
                "  scenarios/one.yaml  no mail is lost",
                "    seen   nothing",
                "  trace   traces/one.pcapng",
                "  look    testbed inspect traces/one.pcapng",
            ],
        ),
        (
            broken(BOB, "scenarios/one.yaml:3: step failed\nno room", cause="no room", line=3),
            ["  scenarios/one.yaml:3  the lab runs to its end", "    seen   no room"],
        ),
        (
            changed(BOB, "a reply is another", 2),
            [
                "        2 differences from references/one.pcapng ()",
                "        ≠ a reply is another 0  [before: frame 40; now: frames 50, 60]",
                "        to look:   testbed diff references/one.pcapng traces/one.pcapng",
                "  look    testbed inspect traces/one.pcapng",
            ],
        ),
        (
            inspected(BOB, "nothing"),
            [
                "  the inspector says",
                "    ▲ someschool.edu refused mail for bob@someschool.edu from crepes.fr with 452",
            ],
        ),
    ],
    ids=["failed", "broken", "changed", "with findings"],
)
def test_a_red_scenario_is_told_in_full(outcome: Outcome, lines: list[str]) -> None:
    told = ended([outcome]).splitlines()
    assert told[1].startswith("what failed ──")
    places = [next((at for at, one in enumerate(told) if one.startswith(line)), -1) for line in lines]
    assert -1 not in places, (lines, told)
    assert places == sorted(places)


def test_what_may_be_missing_is_told_beside() -> None:
    late = Verdict("delivered to bob", False, "0 copies", (3,), 6, remedy="still queued: add '- wait: 1h'")
    red = failed(BOB, "x")
    assert red.judgement is not None
    outcome = replace(red, judgement=replace(red.judgement, expectations=(late,)))
    assert "    seen   0 copies  [frame 3]\n    remedy still queued: add '- wait: 1h'\n" in ended([outcome])


def test_the_last_lines_of_a_program_are_shown() -> None:
    trace = PROJECT / "captures" / "msmtp-is-put-off.pcapng"
    analysis = inspect(trace)
    said = [entry.message for entry in analysis.log if type(entry.event).__name__ == "Said"]
    outcome = replace(failed(BOB, "x", trace), inspected=Inspected(analysis))
    told = ended([outcome], width=300)
    assert "the end of what alice.crepes.fr printed" in told
    assert f"\n    {said[-1]}\n" in told


def test_held_and_skipped_ones_are_no_part_of_it() -> None:
    assert ended([held(BOB), skipped(CAROL, "it needs swaks")]) == ""


@pytest.mark.parametrize(("whole", "full"), [(False, 20), (True, 30)])
def test_of_very_many_the_first_are_told_in_full(whole: bool, full: int) -> None:
    told = ended([failed(BOB, "x")] * 30, whole=whole)
    assert told.count("seen   seen x") == full
    assert told.count("✗ Mail is delivered") == 30
    assert ("10 scenarios told in a line; -v shows them all in full" in told) is not whole


def test_commands_stay_whole_however_narrow_the_terminal_is() -> None:
    trace = Path("/tmp/a folder with a very long name/" + "x" * 60 + ".pcapng")
    assert f"testbed inspect '{trace}'\n" in ended([failed(BOB, "x", trace)], width=40)


def named(number: int, folder: str = "scenarios/dns") -> list[Scenario]:
    text = "title: T\nsteps: [{send: {to: bob@someschool.edu}}]\nexpect: [{delivered: {to: bob@someschool.edu}}]\n"
    return [parse_cases(text, f"{folder}/{n}.yaml")[0] for n in range(number)]


def told(outcomes: Sequence[Outcome], verbosity: int = 0) -> str:
    console = page()
    results = Results(console, [outcome.scenario for outcome in outcomes], verbosity)
    for outcome in outcomes:
        results.tell(outcome)
    results.end()
    return printed(console)


DNS, TLS = named(8), named(8, "scenarios/tls")


@pytest.mark.parametrize(
    ("outcomes", "verbosity", "text"),
    [
        (
            [*map(held, DNS), *map(held, TLS)],
            0,
            "scenarios/dns  8 held\nscenarios/tls  8 held\n",
        ),
        (
            [*map(held, DNS), failed(TLS[0], "x"), *map(held, TLS[1:7]), skipped(TLS[7], "no swaks")],
            0,
            "scenarios/dns  8 held\nfailed  T  1.50 s  scenarios/tls/0.yaml\n"
            "scenarios/tls  6 held · 1 failed · 1 skipped\n",
        ),
        ([*map(held, DNS), held(TLS[0])], 0, "".join(f"held    T  0.25 s  {s.file}\n" for s in [*DNS, TLS[0]])),
        ([*map(held, DNS), *map(held, TLS)], QUIET, ""),
        (
            [held(DNS[0])],
            0,
            "held    T  0.25 s  scenarios/dns/0.yaml\n"
            "        ✓  delivered to bob@someschool.edu  it is there  [frames 21, 52]\n",
        ),
    ],
    ids=["many", "many, some red", "few", "quiet", "one"],
)
def test_the_more_there_are_the_less_is_said_of_each(outcomes: list[Outcome], verbosity: int, text: str) -> None:
    assert told(outcomes, verbosity) == text


def test_a_folder_is_told_as_soon_as_its_last_has_ended() -> None:
    console = page()
    results = Results(console, [*DNS, *TLS], 0)
    for scenario in DNS:
        results.tell(held(scenario))
    assert printed(console) == "scenarios/dns  8 held\n"


def test_a_folder_that_was_left_is_told_at_the_end() -> None:
    console = page()
    results = Results(console, [*DNS, *TLS], 0)
    results.tell(held(DNS[0]))
    results.end()
    assert printed(console) == "scenarios/dns  1 held\n"


def test_verbose_tells_the_findings_of_each() -> None:
    lines = told([inspected(scenario, "x") for scenario in DNS[:2]], FINDINGS)
    assert lines.count("▲ someschool.edu refused mail") == lines.count("failed  T") == 2


def test_a_reason_for_skipping_is_said_once() -> None:
    console = page()
    why_skipped_together(console, [*(skipped(one, "it needs swaks") for one in DNS), skipped(TLS[0], "no wire")])
    assert printed(console) == "8 skipped: it needs swaks\n1 skipped: no wire\n"


@given(hostile)
def test_no_text_is_obeyed(text: str) -> None:
    outcomes = every_kind(text).outcomes
    check_terminal(ended(outcomes))
    check_terminal(told([*outcomes, *(Outcome(Played(one, None, 0.1), None, None) for one in DNS)]))
    check_terminal(told(outcomes, FINDINGS))
