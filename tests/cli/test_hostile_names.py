"""Names of files are a stranger's text too: no command obeys one, in no output of its."""

from __future__ import annotations

import json
import os
import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command import testbed_in
from tests.conftest import PROJECT

CAPTURE = PROJECT / "captures" / "delivered.pcapng"
NAMES = {
    "ESC": "\x1b[2J\x1b]0;title\x07x",
    "newline": "a\n::error file=x::b",
    "carriage return": "a\r::warning::b",
    "workflow command": "::error title=x::b",
    "workflow command behind spaces": "  ::add-mask::b",
    "old workflow command": "##[error]b",
    "bidirectional": "a\u202etxt.\u2066b",
    "C1": "\x9b31mb",
    "no UTF-8": os.fsdecode(b"\xff\xfe\x80"),
    "line separators": "a\u2028b\u2029c\x85d\x0b\x0c",
    "long": "n" * 200,
    "markup": "[red]<b>&'\"]]>`|#x[[ATTACHMENT|y]]",
    "formula": '=HYPERLINK("x")',
    "backspaces": "\x08\x08\x7f",
}
PROGRAM = "title: A program\nsteps:\n  - run: 'true'\n"
WRONG = "title: Wrong\nsteps:\n  - nothing: {}\n"

_RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
_COMMAND = re.compile(r"^\s*::[\w-]+(?:\s[^\n]*)?::|##\[", re.M)
_OURS = re.compile(
    r"^::(?:stop-commands::[0-9a-f]{32}|[0-9a-f]{32}::|(?:error|warning) [^\n]*title=[^\n]*::[^\n]*)$", re.M
)

Files = dict[str, str]
"""Of one name: the paths of a folder and what lies in it."""


@pytest.fixture(params=NAMES)
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    name = NAMES[request.param]
    folder = tmp_path / name.rstrip()
    folder.mkdir()
    for file, text in (("program.yaml", PROGRAM), ("wrong.yaml", WRONG), ("empty.pcap", "")):
        (folder / f"{name}{file}").write_text(text)
    (tmp_path / "only wrong").mkdir()
    shutil.copy(folder / f"{name}wrong.yaml", tmp_path / "only wrong" / f"{name}wrong.yaml")
    shutil.copy(CAPTURE, folder / f"{name}capture.pcapng")
    shutil.copy(CAPTURE, tmp_path / f"{name}.pcapng")
    # Relative paths, so that a line can begin with the name itself.
    return {
        "folder": folder.name,
        "in it": f"{folder.name}/{name}",
        "beside it": f"{name}.pcapng",
        "new": f"{name}new",
        "program": f"{folder.name}/{name}program.yaml",
        "wrong": f"only wrong/{name}wrong.yaml",
        "empty": f"{folder.name}/{name}empty.pcap",
        "capture": f"{folder.name}/{name}capture.pcapng",
    }


def _no_check(text: str) -> None:
    pass


def _csv(text: str) -> None:
    """Lines end as RFC 4180 has it."""
    assert "\r" not in text.replace("\r\n", "\n")


def _json_lines(text: str) -> None:
    for line in text.splitlines():
        json.loads(line)


def _tap(text: str) -> None:
    assert text.startswith("TAP version 14\n")
    assert all(re.match(r"ok |not ok |# |  |1\.\.|TAP |Bail out!", line) for line in text.split("\n")[:-1])


def _annotations(text: str) -> None:
    """Whatever is obeyed is ours."""
    ours = _OURS.sub("", text)
    assert not _COMMAND.search(ours), _COMMAND.search(ours)
    assert ours != text


# What is typed, with the names of files in braces; what the standard output must be besides harmless.
COMMANDS: dict[str, tuple[list[str], Callable[[str], object]]] = {
    "check": (["check", "{program}"], _no_check),
    "check, refused": (["check", "--untrusted", "{program}"], _no_check),
    "check, mistakes": (["check", "{wrong}"], _no_check),
    "check, a folder": (["check", "{folder}"], _no_check),
    "check, nothing there": (["check", "{new}"], _no_check),
    "check, no scenario": (["check", "{capture}"], _no_check),
    "run": (["run", "--untrusted", "{program}"], _no_check),
    "run -v": (["run", "-v", "--untrusted", "{program}"], _no_check),
    "run --json": (["run", "--json", "--untrusted", "{program}"], json.loads),
    "run --junit": (["run", "--junit", "-", "--untrusted", "{program}"], ET.fromstring),
    "run --tap": (["run", "--tap", "-", "--untrusted", "{program}"], _tap),
    "run --markdown": (["run", "--markdown", "-", "--untrusted", "{program}"], _no_check),
    "run --github": (["run", "--github", "--untrusted", "{program}"], _annotations),
    "run --keep": (["run", "--untrusted", "--keep", "{new}", "{program}"], _no_check),
    "run --keep, a file": (["run", "--untrusted", "--keep", "{program}", "{program}"], _no_check),
    "run --baseline": (["run", "--untrusted", "--baseline", "{new}", "{program}"], _no_check),
    "run --baseline, a file": (["run", "--untrusted", "--baseline", "{program}", "{program}"], _no_check),
    "run --junit, a folder": (["run", "--junit", "{folder}", "{program}"], _no_check),
    "run --junit, over a scenario": (["run", "--junit", "{program}", "{program}"], _no_check),
    "serve, a folder": (["serve", "./{folder}"], _no_check),
    "serve, no case": (["serve", "--case", "x", "{program}"], _no_check),
    "serve, nothing there": (["serve", "{new}"], _no_check),
    "shell, mistakes": (["shell", "{wrong}"], _no_check),
    "new": (["new", "delivered", "{new}"], _no_check),
    "new, there already": (["new", "delivered", "{program}"], _no_check),
    "new, no such template": (["new", "{new}"], _no_check),
    "inspect": (["inspect", "{capture}"], _no_check),
    "inspect, beside": (["inspect", "{beside it}"], _no_check),
    "inspect, a folder": (["inspect", "{folder}"], _no_check),
    "inspect, several": (["inspect", "{capture}", "{beside it}", "{empty}"], _no_check),
    "inspect, nothing there": (["inspect", "{new}"], _no_check),
    "inspect, no capture": (["inspect", "{program}"], _no_check),
    "inspect --packets": (["inspect", "--packets", "{capture}"], _no_check),
    "inspect --json": (["inspect", "--json", "--packets", "{beside it}"], json.loads),
    "inspect --ndjson": (["inspect", "--ndjson", "{beside it}"], _json_lines),
    "inspect --csv": (["inspect", "--csv", "{beside it}"], _csv),
    "inspect --stream": (["inspect", "--stream", "{beside it}"], _no_check),
    "inspect -o": (["inspect", "-o", "{new}", "{capture}"], _no_check),
    "inspect -o, the same": (["inspect", "-o", "{capture}", "{capture}"], _no_check),
    "inspect -o, a folder": (["inspect", "-o", "{folder}", "{capture}"], _no_check),
    "inspect --export-mail": (["inspect", "--export-mail", "{new}", "{capture}"], _no_check),
    "inspect --parquet": (["inspect", "--parquet", "{new}", "{capture}"], _no_check),
    "inspect --keylog": (["inspect", "--keylog", "{program}", "{capture}"], _no_check),
    "inspect --keylog, nothing": (["inspect", "--keylog", "{new}", "{capture}"], _no_check),
    "inspect --filter": (["inspect", "--filter", "{new}", "{capture}"], _no_check),
    "diff": (["diff", "{capture}", "{beside it}"], _no_check),
    "diff --json": (["diff", "--json", "{capture}", "{beside it}"], json.loads),
    "diff, nothing there": (["diff", "{capture}", "{new}"], _no_check),
    "no such command": (["{new}"], _no_check),
    "no such option": (["check", "--{new}"], _no_check),
}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_no_name_is_obeyed(command: str, files: Files, tmp_path: Path) -> None:
    words, check = COMMANDS[command]
    done = testbed_in(tmp_path, [word.format_map(files) for word in words], {"GITHUB_WORKSPACE": ""})
    assert done.returncode in (0, 1, 2, 3)
    for text in (done.stdout, done.stderr):
        assert "Traceback" not in text
        assert not (found := _RAW.search(text.replace("\r\n", "\n") if check is _csv else text)), (found, text)
        if check is not _annotations:
            assert not (obeyed := _COMMAND.search(text)), (obeyed, text)
    if done.returncode != 2:
        check(done.stdout)
