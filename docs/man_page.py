"""Writes docs/testbed.1, the manual page, from the arguments of the commands: ``python docs/man_page.py``."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from argparse_manpage.manpage import Manpage

from testbed.cli.help import COMMANDS, EXIT_CODES
from testbed.cli.parser import whole_parser

PAGE = Path(__file__).with_name("testbed.1")
_NAME = "stage mail failures, record every packet, and explain captures"
_DESCRIPTION = """\
Mail Testbed plays scenarios of mail that fails, in a private network on this machine, and records every packet.
It says what happened in those traces and in any other capture of mail, with the frames that prove it.
For the help of one command, use \\fBtestbed COMMAND \\-\\-help\\fR."""
_ENVIRONMENT = (
    ("NO_COLOR", "if set, no colours"),
    ("FORCE_COLOR", "if set, colours even if the output is no terminal"),
    ("PAGER", "shows long reports on a terminal (default: less -FRX)"),
    ("CI", "if set, a scenario whose programs are missing is an error"),
    ("XDG_DATA_HOME", "the folder of the programs that 'testbed subjects install' unpacks (default: ~/.local/share)"),
)
# What the library writes, and what a manual page says.
_HEADINGS = (
    (re.compile(r"^\.SH\nPOSITIONAL ARGUMENTS$", re.M), ".SH COMMANDS"),
    (re.compile(r"^\.SH COMMAND \\fI\\,'(.*)'\\/\\fR\nusage: (.*)$", re.M), r".SH \1\n.B \2"),
    (re.compile(r"^\.SH OPTIONS \\fI\\,'.*'\\/\\fR$", re.M), ".SS Options"),
    (re.compile(r"^(\\fBtestbed\\fR) \\fI\\,(.*)\\/\\fR$", re.M), r"\1 \\fB\2\\fR"),
)


def man_page() -> str:
    """The page in roff, without a date, so that it changes only with what it says."""
    os.environ.update(SOURCE_DATE_EPOCH="0", COLUMNS="1000")
    parser = whole_parser()
    for name, command in _commands(parser).items():
        operands = [word for action in command._actions if not action.option_strings for word in _operand(action)]
        behind = ("[-- COMMAND…]",) if name in ("serve", "shell") else ()
        command.usage = " ".join(("testbed", name, "[OPTIONS]", *operands, *behind))
    page = Manpage(parser, {"project_name": "Mail Testbed", "manual_title": "User commands", "description": _NAME})
    page.date = ""
    page.synopsis = ["testbed", "COMMAND [OPTIONS] …"]
    page.add_section("description", "=", _DESCRIPTION)
    page.add_section("exit status", "=", _terms(EXIT_CODES))
    page.add_section("environment", "=", _terms(_ENVIRONMENT))
    page.add_section("examples", "=", _terms(e for _, examples in COMMANDS.values() for e in examples))
    text = str(page)
    for written, instead in _HEADINGS:
        text = written.sub(instead, text)
    return text


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    [commands] = [action.choices for action in parser._actions if isinstance(action.choices, dict)]
    return commands


def _operand(action: argparse.Action) -> Iterator[str]:
    many = "…" if action.nargs in ("+", "*") else ""
    yield f"[{action.metavar}{many}]" if action.nargs in ("?", "*") else f"{action.metavar}{many}"


def _terms(pairs: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f".TP\n\\fB{_roff(term)}\\fR\n{_roff(says)}" for term, says in pairs)


def _roff(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


if __name__ == "__main__":
    PAGE.write_text(man_page(), encoding="utf-8")
