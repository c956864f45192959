"""Other sides that are attacked than captures: scenario files, options of the inspector.

A row is a name and a function that makes one attack from a seed, and says what does not hold; ``""`` when all does.
``make attack`` tries them for as long as it is told to (:mod:`tests.attack.replay`), each with a fresh seed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.attack.cost import Cost, cost
from tests.conftest import PROJECT

Attack = Callable[[Random], str]
_MOST_CPU = 20.0  # seconds of a command on a small file
_PIECES = (
    "\x00", "\x1b[2J", "&a [*a]", "!!python/object:os.system x", "{", "}", "[", "]", "- ", ": ", "\t", "|\n", ">\n",
    "'", "\ufeff", "\u202e", "9" * 400, "-1", "1e999", ".nan", "null", "2026-13-45", "0x7fffffffffffffff", "{3}", "$n",
    "~", '"', "<<: *a", "../../etc/passwd", "/dev/zero", "a" * 5_000, "[" * 500, "10000d", "999 GB", "*", "(a+)+$",
)  # fmt: skip
_FLAGS = (
    ["--packets"], ["--json"], ["--ndjson"], ["--csv"], ["-v"], ["--stream"], ["--show-credentials"],
    ["--filter", "finding=any"], ["--filter", "host!=x,y"], ["--filter", "service="], ["--filter", "\x1b=\n"],
    ["--filter", "port=99999"], ["--keylog", "/dev/null"], ["--keylog", "README.md"], ["--parquet", "{dir}"],
    ["--export-mail", "{dir}/mail"], ["-o", "{dir}/out"], ["-o", "/dev/full"], ["--deep", "1"], ["--seconds", "1"],
)  # fmt: skip


def _wrong(done: Cost, codes: tuple[int, ...]) -> str:
    if done.traceback:
        return "a traceback"
    if done.code not in codes:
        return f"exit code {done.code}"
    return f"{done.cpu:.1f} s of processor time" if done.cpu > _MOST_CPU else ""


def _scenario(random: Random) -> str:
    """A scenario of the catalogue, changed in some places, is checked."""
    text = random.choice(sorted((PROJECT / "scenarios").rglob("*.yaml"))).read_text()
    for _ in range(random.randrange(1, 6)):
        lines = text.split("\n")
        at, other = random.randrange(len(lines)), random.randrange(len(lines))
        match random.randrange(5):
            case 0:
                lines[at] = lines[other]
            case 1:
                del lines[at : at + random.randrange(1, 4)]
            case 2:
                lines.insert(at, " " * random.randrange(8) + lines[other].lstrip())
            case 3:
                head, colon, _ = lines[at].partition(":")
                lines[at] = f"{head}{colon} {random.choice(_PIECES)}"
            case _:
                place = random.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:place] + random.choice(_PIECES) + lines[at][place:]
        text = "\n".join(lines)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "s.yaml")
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        return _wrong(cost(["check", str(path)]), (0, 2))


def _options(random: Random) -> str:
    """Options of the inspector, whatever they say together."""
    captures = sorted((PROJECT / "captures").glob("*.pcapng"))
    with tempfile.TemporaryDirectory() as folder:
        flags = [word.replace("{dir}", folder) for flag in random.sample(_FLAGS, random.randrange(4)) for word in flag]
        named = [str(path) for path in random.sample(captures, random.randrange(1, 3))]
        return _wrong(cost(["inspect", *flags, *named]), (0, 2, 3))


ALONE: dict[str, Attack] = {"scenarios": _scenario, "options of inspect": _options}
"""Attacks on a command, which ends."""
