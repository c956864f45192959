"""What `pip install mail-testbed` brings is enough for the main job, and what needs more says what to install.

Everything an extra or a developer has besides is hidden from the interpreter, as if it were not installed.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from testbed.extras import EXTRAS
from testbed.pcap.read import PACKED
from tests.conftest import PROJECT
from tests.patience import HANG_S

METADATA = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
SELF = "mail-testbed"
WITHOUT = "import sys; sys.modules.update(dict.fromkeys({})); from testbed.cli import main; sys.exit(main({}))"


def brought(requirement: Requirement, seen: set[tuple[str, frozenset[str]]]) -> Iterator[str]:
    """The canonical names of a distribution and of all it requires here."""
    key = canonicalize_name(requirement.name), frozenset(requirement.extras)
    if key in seen:
        return
    seen.add(key)
    yield key[0]
    for line in requires(key[0]) or ():
        further = Requirement(line)
        if any(further.marker is None or further.marker.evaluate({"extra": extra}) for extra in ("", *key[1])):
            try:
                yield from brought(further, seen)
            except PackageNotFoundError:  # such as what tzdata is on other systems
                continue


def hidden() -> dict[str, set[str]]:
    """The importable names that a plain installation lacks, each with the distributions that bring it."""
    seen: set[tuple[str, frozenset[str]]] = set()
    plain = {name for line in METADATA["dependencies"] for name in brought(Requirement(line), seen)} | {SELF}
    names = {name: {canonicalize_name(one) for one in those} for name, those in packages_distributions().items()}
    return {name: those for name, those in names.items() if not those & plain}


def plainly(*words: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """A command of a plain installation."""
    program = WITHOUT.format(sorted(hidden()), [str(word) for word in words])
    command = [sys.executable, "-c", program]
    environment = {"PYTHONPATH": str(PROJECT), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=HANG_S)


def test_what_the_extras_bring_is_hidden() -> None:
    assert {name for names in EXTRAS.values() for name in names} <= {*hidden()}
    assert not {"numpy", "scapy", "rich", "aiosmtpd", "testbed"} & {*hidden()}


def test_the_extras_are_those_of_the_package() -> None:
    declared = METADATA["optional-dependencies"]
    of_users = {name: {Requirement(line).name for line in declared[name]} for name in EXTRAS}
    assert of_users == {name: {*packages} for name, packages in EXTRAS.items()}
    assert [Requirement(line).extras for line in declared["all"]] == [{*EXTRAS}]


@pytest.mark.parametrize(
    "words",
    [
        "demo",
        "run @catalogue/delivered @catalogue/reset-after-final-dot @catalogue/through-tls @catalogue/imap-idle",
        "run @catalogue/pop3-fetched-and-deleted @catalogue/sts-kept @catalogue/unknown-user --html page.html",
        "inspect @catalogue/mailbox-full",
        "inspect --json @catalogue/mailbox-full",
        "inspect --html page.html @catalogue/mailbox-full",
        "inspect --ladder svg -o way.svg @catalogue/mailbox-full",
        "judge @catalogue/mailbox-full",
        "diff @catalogue/mailbox-full @catalogue/mailbox-full",
        "check @catalogue",
        "list quota",
        "completion bash",
    ],
)
def test_the_main_job_takes_no_extra(words: str, tmp_path: Path) -> None:
    done = plainly(*words.split(), folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("view @catalogue/null-mx", "to view captures, install the package textual: pip install 'mail-testbed[view]'"),
        (
            "inspect --deep 1 @catalogue/null-mx",
            "to see Wireshark's dissection, install the package pyshark: pip install 'mail-testbed[deep]'",
        ),
        (
            "inspect --parquet out @catalogue/null-mx",
            "to write Parquet, install the package pyarrow: pip install 'mail-testbed[parquet]'",
        ),
        (
            "inspect packed.pcap.zst",
            "packed.pcap.zst: to read zstd, install the package zstandard: pip install 'mail-testbed[zstd]', or unpack "
            "it with zstd -d",
        ),
        ("learn someschool.edu", "to learn a server, install the package aalpy: pip install 'mail-testbed[learn]'"),
        (
            "explore --workers 2 @catalogue/delivered",
            "to play on many machines, install the packages distributed, fsspec: pip install 'mail-testbed[cluster]'",
        ),
    ],
)
def test_what_takes_an_extra_says_how_to_get_it(words: str, says: str, tmp_path: Path) -> None:
    (zstd,) = (magic for magic in PACKED if magic.startswith(b"\x28"))
    Path(tmp_path, "packed.pcap.zst").write_bytes(zstd + bytes(40))
    done = plainly(*words.split(), folder=tmp_path)
    assert (done.returncode, done.stderr) == (2, f"error: {says}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["packed.pcap.zst"]


def test_a_scenario_with_a_web_mail_is_skipped_with_the_reason(tmp_path: Path) -> None:
    done = plainly("run", "@catalogue/from-keyboard-to-browser", "@catalogue/delivered", folder=tmp_path)
    assert "it has a web mail: install the packages nh3, starlette, uvicorn: pip install 'mail-testbed[web]'" in (
        " ".join(done.stdout.split())
    )
    assert "1 held" in done.stdout
    assert "1 skipped" in done.stdout
    assert (done.returncode, done.stderr) == (0, "")


def test_a_lab_to_talk_to_opens_without_a_web_mail(tmp_path: Path) -> None:
    done = plainly("serve", "--for", "0.1", "@catalogue/delivered", folder=tmp_path)
    told = (
        "there is no web mail; for one, install the packages nh3, starlette, uvicorn: pip install 'mail-testbed[web]'"
    )
    assert done.returncode == 0
    assert told in done.stderr
    assert "imap" in done.stdout
    assert "http" not in done.stdout
