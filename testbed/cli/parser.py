"""Arguments of the commands, and the help of each."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Literal, NoReturn

from testbed import __version__
from testbed.cli.cluster import cluster_arguments
from testbed.cli.command_help import command_help, every_option
from testbed.cli.help import COMMANDS, main_help
from testbed.cli.learn_arguments import learn_arguments
from testbed.cli.misuse import explained
from testbed.cli.play_arguments import (
    PAGE,
    allow_outside_arguments,
    compare_arguments,
    explore_arguments,
    html_arguments,
    judge_arguments,
    network_argument,
    pager_argument,
    paths_arguments,
    run_arguments,
)
from testbed.cli.style import styled
from testbed.cli.values import capture_path, ladder_form, page, port, positive, scenario_path, seconds
from testbed.protocols.text import shown


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options of one command, its name under ``command``.  Raises SystemExit(0) for help, (2) for misuse."""
    own, foreign = arguments, list[str]()
    if arguments[:1] in (["serve"], ["shell"]) and "--" in arguments:
        end = arguments.index("--")  # what follows is somebody else's
        own, foreign = arguments[:end], arguments[end + 1 :]
    options = whole_parser().parse_args(own)
    options.foreign = foreign
    return options


def _held(parser: argparse.ArgumentParser, nargs: Literal["?"] | None = None) -> None:
    parser.add_argument("path", nargs=nargs, type=scenario_path, metavar="FILE", help="one scenario file")
    parser.add_argument("--case", metavar="CASE", help="the case of its matrix, such as 'command=MAIL, how=reset'")
    parser.add_argument("--no-steps", action="store_false", dest="steps", help="do not play the scenario's steps first")
    parser.add_argument("--keep", metavar="DIR", help="write the trace into DIR (default: a fresh temporary folder)")
    parser.add_argument(
        "--scenario-time",
        action="store_true",
        help="put COMMAND on the lab's clock, inside the lab; the clock jumps whenever all its processes sleep",
    )
    parser.add_argument(
        "--trust",
        action="store_true",
        help="make COMMAND trust the lab's certificates: SSL_CERT_FILE and others name the authority, like TESTBED_CA",
    )
    allow_outside_arguments(parser)


def _serve(parser: argparse.ArgumentParser) -> None:
    _held(parser, "?")
    parser.add_argument(
        "--control",
        action="store_const",
        const=0,
        help="let programs, and a page, set faults, let time pass and read mail by HTTP at a port of 127.0.0.1",
    )
    parser.add_argument(
        "--control-port", type=port, dest="control", metavar="PORT", help="the same at this port (default: a free one)"
    )
    parser.add_argument(
        "--forward",
        action="append",
        default=[],
        dest="forwards",
        metavar="PORT:HOST:PORT",
        help="forward a port of 127.0.0.1 to a host's port, such as 8080:someschool.edu:80; may be repeated",
    )
    parser.add_argument("--for", type=seconds, dest="seconds", metavar="S", help="end after S seconds")
    parser.add_argument(
        "--judge", action="store_true", help="judge the expectations at the end; exit code 1 if one does not hold"
    )
    network_argument(parser)


def _shell(parser: argparse.ArgumentParser) -> None:
    _held(parser)
    parser.add_argument("--on", metavar="HOST", help="the host to be on (default: the first user agent)")


def _filters(parser: argparse.ArgumentParser, says: str) -> None:
    parser.add_argument("--filter", action="append", default=[], dest="filters", metavar="TERM=WORD", help=says)


def _inspect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", type=capture_path, nargs="*", metavar="FILE", help="captures, pcap or pcapng, or folders; - is a pipe"
    )
    parser.add_argument("--live", metavar="IFACE", help="capture from an interface instead, until Ctrl-C")
    parser.add_argument("--for", type=seconds, dest="seconds", metavar="S", help="end --live after S seconds")
    parser.add_argument("--count", type=positive, metavar="N", help="end --live after N packets")
    parser.add_argument("--stream", action="store_true", help="show connections as they end, in bounded memory")
    parser.add_argument("--packets", action="store_true", help="list every packet with its phase and step")
    parser.add_argument("--utc", action="store_true", help="show times in UTC instead of this machine's time zone")
    _filters(
        parser,
        "show only matching connections: service=smtp, host=…, state=S0, finding=any, reply=452; may be repeated",
    )
    parser.add_argument("--keylog", metavar="FILE", help="TLS keys (SSLKEYLOGFILE) to decrypt with")
    parser.add_argument(
        "--dns",
        action="append",
        default=[],
        metavar="ZONEFILE",
        help="DNS records that the capture lacks, for SPF, DKIM, DMARC, and ARC; may be repeated",
    )
    html_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print the analysis as JSON")
    parser.add_argument("--ndjson", action="store_true", help="print a line of JSON per connection, packet and finding")
    parser.add_argument("--csv", action="store_true", help="print a row of CSV per connection")
    parser.add_argument("--parquet", metavar="DIR", help="write tables of connections, exchanges, packets, findings")
    parser.add_argument(
        "--ladder",
        type=ladder_form,
        metavar="FORM[:WHAT]",
        help="draw as svg, mermaid, or txt: the way of the mail, one connection (svg:5), or all (svg:all)",
    )
    parser.add_argument("--markdown", action="store_true", help="print Markdown for a ticket; -o writes it to a file")
    parser.add_argument("--export-mail", metavar="DIR", help="write every message of the capture into DIR as .eml")
    parser.add_argument(
        "--redact",
        action="store_true",
        help="replace names, addresses, subjects, bodies, and files in all outputs, consistently across all FILEs",
    )
    parser.add_argument("--show-credentials", action="store_true", help="decode passwords instead of masking them")
    parser.add_argument("--deep", type=positive, metavar="FRAME", help="show Wireshark's full dissection of one frame")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write the capture with a comment per packet, or a ladder"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="show long replies and all log lines in full")
    cluster_arguments(parser, "with --parquet: ")
    pager_argument(parser)


def _view(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=capture_path, nargs="?", metavar="FILE", help="a capture, pcap or pcapng")
    parser.add_argument("--live", metavar="IFACE", help="follow an interface instead: connections as they end")
    parser.add_argument("--keylog", metavar="FILE", help="TLS keys (SSLKEYLOGFILE) to decrypt with")
    parser.add_argument("--utc", action="store_true", help="show times in UTC instead of this machine's time zone")
    parser.add_argument("--show-credentials", action="store_true", help="decode passwords instead of masking them")


def _diff(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("before", type=capture_path, metavar="BEFORE", help="a capture, pcap or pcapng")
    parser.add_argument("now", type=capture_path, metavar="NOW", help="the capture to compare with it")
    _filters(parser, "compare only matching connections, as in 'testbed inspect'; may be repeated")
    parser.add_argument("--html", type=page, metavar="FILE", help=PAGE)
    parser.add_argument("--json", action="store_true", help="print the differences as JSON")
    parser.add_argument("-v", "--verbose", action="store_true", help="also show what is the same")
    pager_argument(parser)


def _reproduce(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("capture", type=capture_path, metavar="CAPTURE", help="a capture, pcap or pcapng")
    parser.add_argument(
        "-o", "--output", metavar="FILE.yaml", help="write the scenario to this file (default: standard output)"
    )
    parser.add_argument("--no-play", action="store_false", dest="play", help="write the scenario without playing it")
    parser.add_argument("--keep-names", action="store_true", help="keep names, addresses and texts as they are")
    _filters(parser, "use only matching connections, as in 'testbed inspect'; may be repeated")
    parser.add_argument(
        "--connection",
        type=positive,
        action="append",
        default=[],
        dest="connections",
        metavar="N",
        help="use only this connection, by its number in 'testbed inspect'; may be repeated",
    )
    parser.add_argument("--keylog", metavar="FILE", help="TLS keys (SSLKEYLOGFILE) to decrypt with")


def _demo(parser: argparse.ArgumentParser) -> None:
    network_argument(parser)


def _list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words", nargs="*", metavar="WORD", help="show only scenarios about all these words or their synonyms"
    )
    parser.add_argument("--json", action="store_true", help="print the list as JSON")


def _faults(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "word", nargs="?", metavar="WORD", help="show only faults with this word or a synonym, such as hang"
    )
    parser.add_argument("--json", action="store_true", help="print the list as JSON")


def _new(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("template", nargs="?", metavar="TEMPLATE", help="the template (default: list all)")
    parser.add_argument("file", nargs="?", metavar="FILE", help="where to write it (default: standard output)")


def _subjects(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words",
        nargs="*",
        metavar="NAME",
        help="the program to show; after 'install', the program to fetch (default: list all)",
    )


def _completion(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), metavar="SHELL", help="bash, zsh or fish")


def _nothing(parser: argparse.ArgumentParser) -> None:
    pass


_ARGUMENTS = {
    "demo": _demo,
    "list": _list,
    "run": run_arguments,
    "compare": compare_arguments,
    "explore": explore_arguments,
    "learn": learn_arguments,
    "serve": _serve,
    "shell": _shell,
    "inspect": _inspect,
    "view": _view,
    "diff": _diff,
    "judge": judge_arguments,
    "reproduce": _reproduce,
    "check": paths_arguments,
    "schema": _nothing,
    "faults": _faults,
    "new": _new,
    "subjects": _subjects,
    "completion": _completion,
    "doctor": _nothing,
}


class _Parser(argparse.ArgumentParser):
    """argparse with help people can read and errors that help."""

    command = ""

    def format_help(self) -> str:
        return main_help() if not self.command else command_help(self, self.command)

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """As argparse's; what a command does not know is an error of this command."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown and self.command:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        program = f"testbed {self.command}".strip()
        options = [name for action in every_option(self) for name in action.option_strings]
        message = explained(message, self.command, options)
        print(f"{styled('error', 'red bold', sys.stderr)}: {shown(message)}", file=sys.stderr)
        print(f"For help, try '{styled(program + ' --help', 'bold', sys.stderr)}'.", file=sys.stderr)
        raise SystemExit(2)


def whole_parser() -> argparse.ArgumentParser:
    """The arguments of every command."""
    parser = _Parser(prog="testbed", add_help=False, allow_abbrev=False)
    parser.add_argument("-h", "--help", action="help")
    parser.add_argument("-V", "--version", action="version", version=f"testbed {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    for name, add_arguments in _ARGUMENTS.items():
        sub = commands.add_parser(name, help=COMMANDS[name][0], add_help=False, allow_abbrev=False)
        sub.command = name
        add_arguments(sub)
        sub.add_argument("-h", "--help", action="help", help="show this help")
    return parser
