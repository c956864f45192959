"""What options take: numbers, seconds, the names of players.  Each raises ArgumentTypeError for what it cannot be."""

from __future__ import annotations

import argparse
import os
from difflib import get_close_matches

from testbed.catalogue import Kind, located, meant
from testbed.errors import UsageError
from testbed.subjects.parts import PARTS

_LADDER_FORMS, _LADDERS_OF = ("svg", "mermaid", "txt"), ("way", "all")


def player(part: str, name: str) -> str:
    """The name of a ready-made program that can play a part."""
    from testbed.subjects.subject import subjects

    able = [one for one, subject in subjects().items() if PARTS[part] in subject.roles]
    if name not in able:
        near = get_close_matches(name, able, 1)
        hint = f"; did you mean '{near[0]}'?" if near else f"; there are {', '.join(able)}" if able else ""
        raise argparse.ArgumentTypeError(f"no ready-made {part} is called '{name}'{hint}")
    return name


def players(part: str, names: str) -> tuple[str, ...]:
    """Several of them, between commas; ``ours`` is the lab's own."""
    found = tuple(name if name == "ours" else player(part, name) for name in names.split(","))
    if twice := next((name for name in found if found.count(name) > 1), ""):
        raise argparse.ArgumentTypeError(f"'{twice}' is named twice")
    return found


def ladder_form(text: str) -> tuple[str, str]:
    """``svg``, ``mermaid:way``, ``txt:5``: a form, and of what."""
    form, _, what = text.partition(":")
    number = what.isascii() and what.isdigit() and 0 < len(what) < 10 and int(what) > 0
    if form not in _LADDER_FORMS:
        raise argparse.ArgumentTypeError(f"'{form}' is not a form; the forms are {', '.join(_LADDER_FORMS)}")
    if what and what not in _LADDERS_OF and not number:
        raise argparse.ArgumentTypeError(f"'{what}' cannot be drawn; write way, all, or the number of a connection")
    return form, what


def _at(kind: Kind, name: str) -> str:
    try:
        path = located(name, kind)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if name != "-" and not os.path.lexists(path) and (other := meant(name, kind)):
        raise argparse.ArgumentTypeError(f"{name}: there is no such file or folder; did you mean '{other}'?")
    return path


def scenario_path(name: str) -> str:
    """Where a scenario or a folder of them lies; the name may be one of the catalogue."""
    return _at("scenarios", name)


def capture_path(name: str) -> str:
    """Where a capture or a folder of them lies; the name may be one of the catalogue."""
    return _at("captures", name)


def page(text: str) -> str:
    """A file for a page, or ``-``: its name says what it is, so no capture or scenario is written over."""
    if text != "-" and not text.lower().endswith((".html", ".htm")):
        raise argparse.ArgumentTypeError(f"'{text}' is not the name of a page; name a file that ends in .html, or -")
    return text


def positive(text: str) -> int:
    """A whole number from 1 up."""
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1 up")
    return number


def port(text: str) -> int:
    """A port of TCP."""
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) < 65_536):
        raise argparse.ArgumentTypeError(f"'{text}' is not a port; write a number from 1 to 65535")
    return int(text)


def seconds(text: str) -> float:
    """A number of seconds above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds above 0")
    return number


def span(text: str) -> float:
    """A span of time as scenarios write it, such as 90s, 10m or 2h, in seconds."""
    from testbed.scenario.units import parse_duration

    try:
        return parse_duration(text) / 1e9
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def whole(text: str) -> int:
    """A whole number from 0 up."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 0 up")
    return int(text)
