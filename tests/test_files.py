"""Where files are put, with which rights, and what stays."""

from __future__ import annotations

import os
import resource
import stat
import tempfile
from pathlib import Path

import pytest

from testbed.regular_file import files_below
from testbed.run_folder import RunFolder
from testbed.whole_file import whole_file


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def write(path: Path, content: bytes = b"new") -> None:
    with whole_file(path) as out:
        out.write(content)


@pytest.mark.parametrize(("folder", "file"), [(0o700, 0o600), (0o755, 0o644), (0o750, 0o640)])
def test_a_file_is_no_more_open_than_its_folder(tmp_path: Path, folder: int, file: int) -> None:
    place = tmp_path / "place"
    place.mkdir()
    place.chmod(folder)
    before = os.umask(0o022)
    try:
        write(place / "trace")
    finally:
        os.umask(before)
    assert rights(place / "trace") == file


def test_a_file_keeps_the_rights_of_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "trace").write_bytes(b"old")
    (tmp_path / "trace").chmod(0o600)
    write(tmp_path / "trace")
    assert ((tmp_path / "trace").read_bytes(), rights(tmp_path / "trace")) == (b"new", 0o600)


def test_what_fails_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "trace").write_bytes(b"old")
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, most))
    try:
        with pytest.raises(OSError, match="File too large"):
            write(tmp_path / "trace", b"new" * 5_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("trace", b"old")]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's link")
def test_the_link_of_another_user_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"mine")
    (tmp_path / "trace").symlink_to(tmp_path / "victim")
    os.lchown(tmp_path / "trace", 65534, 65534)
    with pytest.raises(PermissionError, match="another user"):
        write(tmp_path / "trace")
    assert (tmp_path / "victim").read_bytes() == b"mine"


def test_a_link_of_ones_own_is_followed(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"old")
    (tmp_path / "trace").symlink_to(tmp_path / "there")
    write(tmp_path / "trace")
    assert (tmp_path / "there").read_bytes() == b"new"


def run(*, red: bool = False, empty: bool = False) -> Path:
    with RunFolder() as folder:
        assert rights(folder.path) == 0o700
        if not empty:
            (folder.path / "one.pcapng").write_bytes(b"")
        if red:
            folder.note_red()
    return folder.path


def test_the_last_three_stay_and_those_with_reds(temporary: Path) -> None:
    red = run(red=True)
    folders = [run() for _ in range(6)]
    assert [folder.exists() for folder in folders] == [False, False, False, True, True, True]
    assert (red / "one.pcapng").exists()


def test_the_reds_do_not_pile_up_for_ever(temporary: Path) -> None:
    for _ in range(30):
        run(red=True)
    assert len(list(temporary.iterdir())) == 21


def test_a_folder_without_traces_goes(temporary: Path) -> None:
    assert not run(empty=True).exists()


def test_a_folder_in_use_stays(temporary: Path) -> None:
    with RunFolder() as used:
        (used.path / "one.pcapng").write_bytes(b"")
        for _ in range(5):
            run()
        assert (used.path / "one.pcapng").exists()


def test_what_is_not_ours_is_left_alone(temporary: Path) -> None:
    outside = temporary / "outside"
    outside.mkdir(0o700)
    (outside / "kept.pcapng").write_bytes(b"")
    (temporary / "testbed-20200101-000000-link").symlink_to(outside)
    open_one = temporary / "testbed-20200101-000000-open"
    open_one.mkdir(0o755)
    theirs = run()
    (theirs / "notes.txt").write_text("mine")
    for _ in range(6):
        run()
    assert (outside / "kept.pcapng").exists()
    assert open_one.exists()
    assert (theirs / "notes.txt").exists()


def test_a_folder_that_is_named_is_used_as_it_is(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "kept") as folder:
        assert folder.path == tmp_path / "kept"
    assert not (tmp_path / "kept").exists()


def test_environments_of_python_below_a_folder_are_passed_over(tmp_path: Path) -> None:
    for name in ("b/deep/mine.yaml", "a.yaml", "venv/lib/theirs.yaml", "venv/pyvenv.cfg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert files_below(tmp_path) == [tmp_path / "a.yaml", tmp_path / "b/deep/mine.yaml"]
    assert tmp_path / "venv/lib/theirs.yaml" in files_below(tmp_path / "venv")
