"""What is said of arguments that a command does not take, and what was perhaps meant by them."""

from __future__ import annotations

import re
from collections.abc import Collection
from difflib import get_close_matches

from testbed.catalogue import CATALOGUE

_UNKNOWN = "unrecognized arguments: "
_CHOICE = re.compile(
    r"argument (?P<of>.+): invalid choice: (?P<quote>['\"])(?P<word>.*)(?P=quote) \(choose from (?P<choices>.*)\)",
    re.DOTALL,
)
_ELSEWHERE = {
    "--redact": "only 'testbed inspect' takes --redact: what labs write has invented names, and other captures are "
    "redacted first, with 'testbed inspect --redact -o FILE CAPTURE'"
}
_SCENARIO = (".yaml", ".yml")
_CAPTURE = tuple(f"{suffix}{packed}" for suffix in (".pcap", ".pcapng", ".cap") for packed in ("", ".gz", ".zst"))


def explained(message: str, command: str, options: Collection[str]) -> str:
    """argparse's message to who uses a command, with a guess at the command, the choice or the option that was meant.

    ``options`` are those of the command.
    """
    if found := _CHOICE.fullmatch(message):
        word = found["word"]
        choices = [one.strip("'\" ") for one in found["choices"].split(",")]
        if found["of"] == "COMMAND":
            return f"there is no command '{word}'{_near(word, choices) or _for_a_file(word)}"
        return message + _near(word, choices)
    if message.startswith(_UNKNOWN):
        words = message.removeprefix(_UNKNOWN)
        if command in ("serve", "shell") and not words.startswith("-"):
            return f"{message}; a command stands behind --: testbed {command} FILE -- {words}"
        return _ELSEWHERE.get(words) or message + _near(words.partition(" ")[0].partition("=")[0], options)
    return message


def _near(word: str, known: Collection[str]) -> str:
    found = get_close_matches(word, known, 1)
    return f"; did you mean '{found[0]}'?" if found else ""


def _for_a_file(word: str) -> str:
    """The command for a file that stands where a command should."""
    if word.endswith(_CAPTURE):
        return f"; to inspect a capture, use 'testbed inspect {word}'"
    if word.endswith(_SCENARIO) or word.startswith(CATALOGUE):
        return f"; to play a scenario, use 'testbed run {word}'"
    return ""
