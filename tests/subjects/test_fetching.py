"""What becomes of a server that is not here: it is told, skipped, fetched; or told why it cannot be."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest

from testbed.errors import MachineError, UsageError
from testbed.runner import lacking
from testbed.scenario.load import parse
from testbed.subjects.install import install
from testbed.subjects.installed import find, why_not
from testbed.subjects.subject import Subject, subjects
from tests.command import testbed_in

SCENARIO = """
title: x
hosts: {crepes.fr: {program: PROGRAM, time: real}}
steps: [{send: {to: bob@someschool.edu}}]
expect: [{delivered: {to: bob@someschool.edu}}]
"""


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without servers; what is put into its folder ``bin`` is there."""
    monkeypatch.setattr("testbed.subjects.installed.SYSTEM_FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "bin").mkdir()
    return tmp_path


def program(folder: Path, name: str, script: str) -> None:
    file = folder / "bin" / name
    file.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
    file.chmod(0o755)


def words(folder: Path, *arguments: str) -> tuple[int, str]:
    ended = testbed_in(folder, list(arguments), dict(os.environ))
    return ended.returncode, ended.stdout + ended.stderr


def test_what_is_missing_is_told_with_its_remedy(bare: Path) -> None:
    assert find(subjects()["exim"]) is None
    wanted = "it needs Exim, not installed here: 'testbed subjects install exim' fetches it"
    program(bare, "cc", "")
    if os.geteuid() == 0:
        assert lacking(parse(SCENARIO.replace("PROGRAM", "exim"))) == wanted
    assert lacking(parse(SCENARIO.replace("PROGRAM", "haraka"))).startswith("it needs Haraka, not installed here")


@pytest.mark.parametrize(
    ("said", "version", "why"),
    [
        ("3.3.2", "3.3.2", "it needs Postfix 3.4 or newer, and 3.3.2 is here"),
        ("3.10.1", "3.10.1", ""),
        ("nothing of use", "", ""),
    ],
)
def test_one_that_is_too_old_is_told(said: str, version: str, why: str, bare: Path) -> None:
    program(bare, "postfix", "")
    program(bare, "postconf", f"echo {said}")
    found = find(subjects()["postfix"])
    assert found is not None
    assert found.version == version
    if os.geteuid() == 0:
        assert lacking(parse(SCENARIO.replace("PROGRAM", "postfix"))) == why


APT = """
case "$*" in
*--simulate*) echo 'Remv postfix [1.0]'; echo 'Inst exim4-base (4.96-1 Debian:12 [all])'
	echo 'Inst exim4-daemon-light [4.9] (1:4.96-1 Debian:12 [amd64])' ;;
*download*) touch exim4-base.deb exim4-daemon-light.deb ;;
esac
"""
UNKNOWN = "echo 'E: Unable to locate package exim4' >&2; exit 100"
DAMAGED = f"""case "$*" in *download*) echo 'E: Hash Sum mismatch' >&2; exit 100 ;; esac
{APT}"""
DPKG = """
mkdir -p "$3/usr/sbin" "$3/usr/share/doc/exim" "$3/etc/exim4" "$3/lib/systemd/system" "$3/var/spool"
echo server >"$3/usr/sbin/exim4"
chmod 755 "$3/usr/sbin/exim4"
touch "$3/usr/share/doc/exim/x" "$3/lib/systemd/system/exim.service" "$3/etc/exim4/x"
"""


def test_it_is_unpacked_for_this_user_without_its_services(bare: Path) -> None:
    program(bare, "apt-get", APT)
    program(bare, "dpkg-deb", DPKG)
    root = install(subjects()["exim"], lambda what: None)
    assert root == bare / "data" / "mail-testbed" / "subjects" / "exim"
    assert sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()) == [
        "etc/exim4/x",
        "packages.json",
        "usr/sbin/exim4",
    ]
    packages = json.loads((root / "packages.json").read_text())
    assert packages == {
        "exim4-base": "4.96-1",
        "exim4-daemon-light": "1:4.96-1",
    }
    found = find(subjects()["exim"])
    assert found is not None
    assert (found.root, found.version) == (root, "4.96-1")
    (root / "usr" / "sbin" / "exim4").unlink()
    assert why_not(subjects()["exim"]).endswith("lacks exim4: 'testbed subjects install exim' fetches it again")
    install(subjects()["exim"], lambda what: None)  # a newer one takes its place
    assert [path.name for path in root.parent.iterdir()] == ["exim"]


@pytest.mark.parametrize(
    ("scripts", "cause"),
    [
        ({}, "it takes apt-get and dpkg-deb to fetch it, not installed here"),
        ({"apt-get": UNKNOWN}, "apt-get fetches nothing: E: Unable to locate package exim4"),
        ({"apt-get": DAMAGED}, "Hash Sum mismatch"),
        ({"apt-get": APT, "dpkg-deb": "echo 'no room' >&2; exit 2"}, "dpkg-deb fetches nothing: no room"),
    ],
)
def test_what_cannot_be_fetched_leaves_nothing_behind(scripts: dict[str, str], cause: str, bare: Path) -> None:
    for name, script in ({"apt-get": "", "dpkg-deb": ""} | scripts if scripts else {}).items():
        program(bare, name, script)
    with pytest.raises(MachineError) as caught:
        install(subjects()["exim"], lambda what: None)
    assert cause in str(caught.value)
    assert find(subjects()["exim"]) is None
    assert list((bare / "data" / "mail-testbed" / "subjects").iterdir()) == []


def test_what_the_machine_has_is_not_fetched(bare: Path) -> None:
    program(bare, "apt-get", "")
    program(bare, "dpkg-deb", "")
    assert install(subjects()["exim"], lambda what: None) is None


def test_what_is_no_package_is_not_fetched(bare: Path) -> None:
    with pytest.raises(UsageError, match="comes with the testbed"):
        install(subjects()["aiosmtpd"], lambda what: None)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("", 0, "opensmtpd"),
        ("exim", 0, "Exim: relay or receiver"),
        ("exmi", 2, "there is no ready-made program 'exmi'; did you mean 'exim'?"),
        ("qqqq", 2, "there are aiosmtpd, curl"),
        ("install", 2, "say 'testbed subjects', 'testbed subjects NAME' or 'testbed subjects install NAME'"),
        ("fetch exim", 2, "say 'testbed subjects'"),
        ("install exim opensmtpd", 2, "say 'testbed subjects'"),
        ("install aiosmtpd", 2, "it comes with the testbed"),
    ],
)
def test_the_command_line_tells(arguments: str, code: int, said: str, tmp_path: Path) -> None:
    ended, output = words(tmp_path, "subjects", *shlex.split(arguments))
    assert (ended, said in output) == (code, True), output


@pytest.mark.parametrize("subject", subjects().values(), ids=subjects())
def test_every_program_says_what_it_is_and_has_what_begins_it(subject: Subject) -> None:
    assert subject.plays
    assert subject.quirks
    begins = (*(["start"] if "command" in subject.host else []), *subject.errands)
    assert begins
    for role in subject.roles:
        there = {file.name for folder in subject.templates(role) for file in folder.iterdir()}
        assert there.issuperset(begins)
        hosts = {"relay": "crepes.fr", "receiver": "someschool.edu", "user-agent": "alice.crepes.fr"}
        text = SCENARIO.replace("crepes.fr:", f"{hosts[role]}:").replace("PROGRAM", subject.name)
        if "send" not in subject.errands and role == "user-agent":
            text = text.replace("{send: {to: bob@someschool.edu}}", "{wait: 1s}")
        assert parse(text).hosts[hosts[role]].role == role
