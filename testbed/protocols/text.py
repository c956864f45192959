"""Text from the network and names of files made safe to show: the one place where strangers' octets become strings."""

from __future__ import annotations

import os
import re

_BEGINS_COMMAND = re.compile(r"^(\s*)::(?=[\w-]+(?:\s[^\n]*?)?::)", re.M)
_COMMAND_WITHIN = "##["


def printable(text: str) -> str:
    """The text with control and other unprintable characters written as escapes, so that no terminal obeys them."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def printable_lines(text: str) -> str:
    """Text of several lines, each as :func:`printable` has it; tabulators and the ends of lines are kept."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in lines)


def shown(path: str | os.PathLike[str]) -> str:
    """A file's name as a line can hold it: nothing in it is obeyed, and none of it begins a line."""
    return obeyed_by_none(printable(os.fspath(path)))


def obeyed_by_none(text: str) -> str:
    """Lines as GitHub takes them for text: in a log it obeys ``::error::`` where a line begins, ``##[`` anywhere."""
    if "::" in text:
        text = _BEGINS_COMMAND.sub(r"\1\\x3a:", text)
    return text.replace(_COMMAND_WITHIN, "#\\x23[")


def shortened(text: str, most: int) -> str:
    """The text in one line of so many characters at most; ``…`` stands for what was cut off."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def decoded(octets: bytes) -> str:
    """Octets of a protocol line as safe text: UTF-8 where it is, else one escape per octet."""
    return printable(octets.decode("utf-8", "backslashreplace"))


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
