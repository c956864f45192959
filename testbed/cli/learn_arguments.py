"""The arguments of ``testbed learn``."""

from __future__ import annotations

import argparse
from functools import partial

from testbed.cli.play_arguments import allow_outside_arguments
from testbed.cli.values import players, positive, seconds


def learn_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of ``testbed learn``."""
    parser.add_argument("host", metavar="HOST", help="a mail server of the textbook's lab, or of --in FILE")
    parser.add_argument(
        "--in", dest="path", metavar="FILE", help="the scenario whose lab HOST is in; no step is played"
    )
    parser.add_argument("--case", metavar="CASE", help="the case of its matrix")
    parser.add_argument(
        "--protocol",
        choices=("smtp", "lmtp", "pop3", "imap"),
        default="smtp",
        metavar="NAME",
        help="the protocol: smtp, lmtp, pop3, imap (default: smtp)",
    )
    for part in ("relay", "receiver"):
        parser.add_argument(
            f"--{part}",
            type=partial(players, part),
            metavar="NAMES",
            help=f"programs that play HOST, a {part}, one after the other: ours,postfix",
        )
    parser.add_argument("--inputs", metavar="NAMES", help="what to ask, separated by commas: HELO,MAIL,'RCPT unknown'")
    parser.add_argument(
        "--beyond",
        type=int,
        choices=range(1, 4),
        default=1,
        metavar="K",
        help="prove the machine right for servers with up to K more states, 1 to 3 (default: 1)",
    )
    parser.add_argument(
        "--most", type=positive, default=10_000, metavar="N", help="hold at most N dialogues (default: 10000)"
    )
    parser.add_argument(
        "--patience", type=seconds, default=5.0, metavar="S", help="wait S seconds for an answer (default: 5)"
    )
    parser.add_argument("--baseline", metavar="FILE", help="compare with the machine in FILE; a change fails")
    parser.add_argument("--update", action="store_true", help="with --baseline: record what is new or changed")
    parser.add_argument("--mermaid", metavar="FILE", help="write a Mermaid diagram; - is standard output")
    parser.add_argument("--svg", metavar="FILE", help="write a picture; - is standard output")
    parser.add_argument("--json", metavar="FILE", help="write everything as JSON; - is standard output")
    parser.add_argument("--keep", metavar="DIR", help="keep the traces in DIR (default: a fresh temporary folder)")
    allow_outside_arguments(parser)
