"""One target in a process of its own, under atheris: ``python -m tests.fuzz.child TARGET FOLDER [libFuzzer options]``.

An exception does not end the run: its input is saved once for each place it comes from.  What takes too long or too
much memory ends the process, and libFuzzer saves the input.
"""

from __future__ import annotations

import json
import sys
import traceback
from hashlib import sha256
from pathlib import Path

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

with atheris.instrument_imports(include=["testbed", "dns", "email"], enable_loader_override=False):
    from testbed.errors import CaptureError
    from tests.fuzz.packets import PROJECT
    from tests.fuzz.targets import Target, targets


class Recorder:
    """Saves the inputs a target fails on, the shortest of each kind."""

    def __init__(self, target: Target, folder: Path) -> None:
        self._target = target
        self._folder = folder
        self._shortest: dict[str, int] = {}

    def run(self, octets: bytes) -> None:
        """What atheris calls."""
        try:
            self._target.run(octets)
        except CaptureError:
            return
        except Exception as error:
            self._save(error, octets)

    def _save(self, error: Exception, octets: bytes) -> None:
        place = f"{type(error).__name__} at {_place(error)}"
        if len(octets) >= self._shortest.get(place, sys.maxsize):
            return
        self._shortest[place] = len(octets)
        file = self._folder / f"crash-{sha256(place.encode()).hexdigest()[:12]}"
        file.write_bytes(octets)
        told = {"target": self._target.name, "place": place, "error": str(error)[:500], "octets": len(octets)}
        told["traceback"] = traceback.format_exc()
        file.with_suffix(".json").write_text(json.dumps(told, indent=2))


def _place(error: Exception) -> str:
    """Where the project's own code raised, or the test that found it wrong."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(PROJECT / "testbed")]
    checks = [frame for frame in frames if Path(frame.filename).is_relative_to(PROJECT / "tests")]
    last = (checks if isinstance(error, AssertionError) or not ours else ours)[-1]
    return f"{Path(last.filename).relative_to(PROJECT)}:{last.lineno} in {last.name}"


def main() -> None:
    """Fuzz until libFuzzer has had enough."""
    target, folder = targets()[sys.argv[1]], Path(sys.argv[2])
    atheris.Setup([sys.argv[0], *sys.argv[3:]], Recorder(target, folder).run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
