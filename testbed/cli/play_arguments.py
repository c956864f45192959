"""Arguments of the commands that play scenarios: many at a time, by many players."""

from __future__ import annotations

import argparse
import os
from functools import partial

from testbed.cli.choose import parse_shard
from testbed.cli.cluster import cluster_arguments
from testbed.cli.values import capture_path, page, player, players, positive, scenario_path, seconds, span, whole
from testbed.cli.verbosity import QUIET
from testbed.subjects.parts import PARTS

PAGE = "write one HTML file to be looked at and sent; - is standard output"


def run_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``testbed run``."""
    paths_arguments(parser)
    parser.add_argument("--keep", metavar="DIR", help="keep the traces in DIR (default: a fresh temporary folder)")
    parser.add_argument(
        "--baseline",
        type=capture_path,
        metavar="DIR",
        help="compare each trace with its reference in DIR; a change fails the scenario",
    )
    parser.add_argument("--update", action="store_true", help="with --baseline: record changed references again")
    _verbosity(parser)
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    network_argument(parser)
    for part in PARTS:
        parser.add_argument(
            f"--{part}", type=partial(player, part), metavar="NAME", help=f"let a ready-made server play every {part}"
        )
    _bounds(parser, 30)
    parser.add_argument(
        "--require-needs",
        action=argparse.BooleanOptionalAction,
        default=os.environ.get("CI", "").lower() not in ("", "0", "false"),
        help="missing 'needs' are an error instead of a reason to skip (default: if the variable CI is set)",
    )
    _choice(parser)
    parser.add_argument("-x", "--fail-fast", action="store_true", help="stop after the first red scenario")
    _outputs(parser)


def network_argument(parser: argparse.ArgumentParser) -> None:
    """Where labs live."""
    parser.add_argument(
        "--network",
        choices=("auto", "private", "host"),
        default="auto",
        metavar="WHERE",
        help="private: one network per lab; host: the machine's loopback, which skips what needs a wire; "
        "auto: private if the machine allows it (default: auto)",
    )


def judge_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``testbed judge``."""
    parser.add_argument(
        "paths",
        type=capture_path,
        nargs="+",
        metavar="TRACE",
        help="traces of labs, or folders of them; a scenario FILE.yaml replaces the scenario that they carry",
    )
    allow_outside_arguments(parser)
    _verbosity(parser)
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    _outputs(parser)


def _verbosity(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-v",
        "--verbose",
        action="count",
        default=0,
        dest="verbosity",
        help="show expectations and findings of each scenario; -vv: also its annotated trace",
    )
    parser.add_argument(
        "-q",
        "--quiet",
        action="store_const",
        const=QUIET,
        dest="verbosity",
        help="show only what is red, and the totals",
    )
    pager_argument(parser)


def pager_argument(parser: argparse.ArgumentParser) -> None:
    """Whether a long report on a terminal is shown by a pager."""
    parser.add_argument("--no-pager", action="store_false", dest="pager", help="do not show long reports in a pager")


def _outputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--junit", metavar="FILE", help="write the results as JUnit XML; - is standard output")
    parser.add_argument("--tap", metavar="FILE", help="write the results in TAP 14; - is standard output")
    parser.add_argument("--markdown", metavar="FILE", help="write a summary in Markdown; - is standard output")
    html_arguments(parser)
    parser.add_argument(
        "--svg",
        metavar="DIR",
        help="draw the way of the mail in each scenario into DIR, or of one scenario into FILE.svg",
    )
    parser.add_argument("--github", action="store_true", help="annotate lines and add a summary in GitHub Actions")


def compare_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``testbed compare``."""
    _paths(parser, "PATH")
    allow_outside_arguments(parser)
    parser.set_defaults(untrusted=False, network="private")  # it is there to run programs
    _players(parser)
    parser.add_argument("--keep", metavar="DIR", help="keep the traces in DIR (default: a fresh temporary folder)")
    parser.add_argument("-v", "--verbose", action="store_true", help="also show what was the same everywhere")
    parser.add_argument("--json", metavar="FILE", help="write the comparison as JSON; - is standard output")
    parser.add_argument("--markdown", metavar="FILE", help="write the comparison in Markdown; - is standard output")
    parser.add_argument("--html", type=page, metavar="FILE", help=PAGE)
    _bounds(parser, 60)
    _choice(parser)


def explore_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``testbed explore``."""
    _paths(parser, "SCENARIO")
    allow_outside_arguments(parser)
    parser.set_defaults(untrusted=False)  # it is there to run programs
    _players(parser)
    parser.add_argument(
        "--depth", type=int, choices=(1, 2, 3), default=2, metavar="N", help="faults at a time, 1 to 3 (default: 2)"
    )
    parser.add_argument(
        "--budget", type=span, default=600.0, metavar="SPAN", help="start no run after this time: 2m, 1h (default: 10m)"
    )
    parser.add_argument("--seed", type=whole, default=0, metavar="N", help="choose other triples (default: 0)")
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="keep the results in DIR (or at a URL that fsspec knows), and continue from those that are there",
    )
    parser.add_argument(
        "--only-new", metavar="DIR", help="fail only for causes that the results in DIR (or at a URL) do not have"
    )
    parser.add_argument(
        "--oracle",
        action="append",
        default=[],
        dest="oracles",
        metavar="FILE.py",
        help="also judge each run with the function 'breaches' in FILE.py; may be repeated",
    )
    parser.add_argument("--json", metavar="FILE", help="write the results as JSON; - is standard output")
    parser.add_argument("--markdown", metavar="FILE", help="write the matrix in Markdown; - is standard output")
    parser.add_argument("--html", type=page, metavar="FILE", help=PAGE)
    parser.add_argument("--parquet", metavar="FILE", help="write a row of Parquet for each run")
    _bounds(parser, 60, "four to a core")
    _choice(parser)


def paths_arguments(parser: argparse.ArgumentParser) -> None:
    """Scenario files, and what they may do: for every command that reads many."""
    _paths(parser, "PATH")
    allow_outside_arguments(parser)
    _untrusted(parser)


def _paths(parser: argparse.ArgumentParser, called: str) -> None:
    says = "scenario files, or folders of them; @catalogue is that of 'testbed list'"
    parser.add_argument("paths", type=scenario_path, nargs="+", metavar=called, help=says)


def html_arguments(parser: argparse.ArgumentParser) -> None:
    """One HTML file to look at, and what of the captures goes into it."""
    parser.add_argument("--html", type=page, metavar="FILE", help=PAGE)
    parser.add_argument(
        "--without-capture",
        action="store_false",
        dest="with_capture",
        help="with --html: leave out the captures, and so the octets of packets",
    )


def _untrusted(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--untrusted",
        action="store_true",
        help="for strangers' scenarios: refuse those with programs, which is red",
    )


def allow_outside_arguments(parser: argparse.ArgumentParser) -> None:
    """Whether scenarios may reach outside of their folder."""
    parser.add_argument(
        "--allow-outside",
        action="store_true",
        help="let scenarios name files outside their folder (or the given folder), and their programs write there",
    )


def _players(parser: argparse.ArgumentParser) -> None:
    for part in PARTS:
        parser.add_argument(
            f"--{part}",
            type=partial(players, part),
            metavar="NAMES",
            help=f"programs that play every {part}, one after the other: ours,postfix,exim",
        )


def _bounds(parser: argparse.ArgumentParser, limit_s: int, jobs: str = "one more than cores") -> None:
    parser.add_argument("-j", "--jobs", type=positive, metavar="N", help=f"play N labs at a time (default: {jobs})")
    parser.add_argument(
        "--time-limit",
        type=seconds,
        default=float(limit_s),
        metavar="S",
        help=f"real seconds that a lab may take, including judging (default: {limit_s})",
    )
    cluster_arguments(parser)


def _choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-k", dest="word", metavar="WORD", help="play only scenarios with WORD in their file, title, or case"
    )
    parser.add_argument(
        "--shard", type=parse_shard, metavar="K/N", help="play only the Kth of N equal shares, such as 2/5"
    )
