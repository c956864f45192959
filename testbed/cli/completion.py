"""``testbed completion``: what makes a shell complete commands, options and files."""

from __future__ import annotations

import argparse

import shtab

from testbed.cli import HELD

_PLACES = {
    "DIR": shtab.DIRECTORY,
    **dict.fromkeys(("FILE", "PATH", "SCENARIO", "TRACE", "CAPTURE", "BEFORE", "NOW"), shtab.FILE),
}


def main(options: argparse.Namespace) -> int:
    """Print the script of a shell."""
    from testbed.cli.command_help import every_option
    from testbed.cli.parser import whole_parser

    parser = whole_parser()
    for action in every_option(parser):
        if place := _PLACES.get(str(action.metavar).partition(".")[0]):
            action.complete = place  # type: ignore[attr-defined]
    print(shtab.complete(parser, options.shell))
    return HELD
