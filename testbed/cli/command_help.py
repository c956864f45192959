"""The help of one command, made of its arguments."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from testbed.cli.help import COMMANDS, heading, rows
from testbed.cli.style import styled


def every_option(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """The options and operands of a parser, and of those of its commands."""
    for action in parser._actions:
        yield action
        if isinstance(action.choices, dict):
            for command in action.choices.values():
                yield from every_option(command)


def command_help(parser: argparse.ArgumentParser, command: str) -> str:
    """Summary, usage, arguments, options, examples."""
    summary, examples = COMMANDS[command]
    positional = [a for a in parser._actions if not a.option_strings]
    optional = [a for a in parser._actions if a.option_strings]
    tail = ["[-- COMMAND…]"] if command in ("serve", "shell") else []
    usage = " ".join(["testbed", command, "[OPTIONS]", *map(_operand, positional), *tail])
    arguments = [(_operand(a), a.help or "") for a in positional]
    options = [(_flags(a), a.help or "") for a in optional]
    width = max(len(left) for left, _ in arguments + options)
    parts = [f"{summary}.", f"{heading('Usage:')} {styled(usage, 'cyan bold', sys.stdout)}"]
    if arguments:
        parts.append(f"{heading('Arguments:')}\n{rows(arguments, width)}")
    parts.append(f"{heading('Options:')}\n{rows(options, width)}")
    parts.append(f"{heading('Examples:')}\n{rows(examples)}")
    return "\n\n".join(parts) + "\n"


def _operand(action: argparse.Action) -> str:
    return {"+": f"{action.metavar}…", "*": f"[{action.metavar}…]", "?": f"[{action.metavar}]"}.get(
        str(action.nargs), str(action.metavar)
    )


def _flags(action: argparse.Action) -> str:
    short = "" if action.option_strings[0].startswith("-") and len(action.option_strings[0]) == 2 else "    "
    value = f" {action.metavar}" if action.metavar else ""
    return short + ", ".join(action.option_strings) + value
