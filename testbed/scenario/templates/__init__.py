"""Scenarios to begin with, one file each; the first line of a file says what it is for."""

from __future__ import annotations

from importlib.resources import files

_SUFFIX = ".yaml"


def templates() -> dict[str, str]:
    """The text of every template by its name, in the order of names."""
    found = (file for file in files(__name__).iterdir() if file.name.endswith(_SUFFIX))
    return {file.name.removesuffix(_SUFFIX): file.read_text("utf-8") for file in sorted(found, key=lambda f: f.name)}


def purpose(text: str) -> str:
    """What a template is for."""
    return text.partition("\n")[0].lstrip("# ")
