"""Ready-made servers for the tests: as the machine has them, else unpacked once for the whole run."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.errors import TestbedError
from testbed.subjects.install import install
from testbed.subjects.installed import find, why_not
from testbed.subjects.subject import subjects


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what is unpacked for this run; its workers share it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if base.name.startswith("popen-") else base) / "data"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def have(unpacked: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """See to it that a server is here; skips the test, with the reason, where it cannot be had."""
    monkeypatch.setenv("XDG_DATA_HOME", str(unpacked))

    def see_to(name: str) -> None:
        subject = subjects()[name]
        with (unpacked / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if find(subject) is None:
                tried = unpacked / f"{name}.tried"
                if not tried.exists():
                    try:
                        install(subject, lambda what: None)
                    except TestbedError as error:
                        tried.write_text(str(error))
                if tried.exists():
                    pytest.skip(f"{subject.title} cannot be fetched: {tried.read_text()}")
        if why := why_not(subject):
            pytest.skip(why)

    return see_to
