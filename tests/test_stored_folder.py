"""A folder in a store: what lies there is fetched, what changes is brought back; nothing is lost when that fails."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.errors import MachineError, UsageError
from testbed.stored_folder import StoredFolder, folder_at

fsspec = pytest.importorskip("fsspec", reason="stores are reached through fsspec, which is not here")


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a store in which a file lies already."""
    url = f"{request.param}://{tmp_path / 'store'}"
    files, root = fsspec.core.url_to_fs(url)
    files.makedirs(f"{root}/delivered", exist_ok=True)
    files.pipe_file(f"{root}/delivered/runs.ndjson", b"{}\n")
    yield url
    files.rm(root, recursive=True)


def held(url: str) -> dict[str, bytes]:
    """What lies in a store, by names below its folder."""
    files, root = fsspec.core.url_to_fs(url)
    return {path.removeprefix(root).lstrip("/"): files.cat_file(path) for path in files.find(root)}


def test_what_lies_there_is_here_and_what_changes_here_is_there(store: str) -> None:
    with StoredFolder(store) as folder:
        assert (folder.path / "delivered" / "runs.ndjson").read_bytes() == b"{}\n"
        with (folder.path / "delivered" / "runs.ndjson").open("ab") as runs:
            runs.write(b"{}\n")
        (folder.path / "mailbox-full").mkdir()
        (folder.path / "mailbox-full" / "lost.yaml").write_text("title: Lost\n")
    assert held(store) == {"delivered/runs.ndjson": b"{}\n{}\n", "mailbox-full/lost.yaml": b"title: Lost\n"}
    assert not folder.path.exists()


def test_what_did_not_change_is_not_written_again(tmp_path: Path) -> None:
    stored = tmp_path / "store" / "runs.ndjson"
    stored.parent.mkdir()
    stored.write_bytes(b"{}\n")
    before = stored.stat()
    with StoredFolder(f"file://{stored.parent}"):
        pass
    assert (stored.stat().st_ino, stored.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_it_is_brought_back_when_the_work_breaks_off(store: str) -> None:
    with pytest.raises(ZeroDivisionError), StoredFolder(store) as folder:  # noqa: PT012
        (folder.path / "new").write_bytes(b"1")
        raise ZeroDivisionError
    assert held(store)["new"] == b"1"


def test_results_stay_here_when_the_store_cannot_be_written(tmp_path: Path) -> None:
    folder = StoredFolder(f"file://{tmp_path / 'store'}")
    (tmp_path / "store").write_text("a file stands where the folder should be")
    (folder.path / "runs.ndjson").write_bytes(b"{}\n")
    with pytest.raises(MachineError, match=r"could not be brought to file://.*; they lie in ") as told, folder:
        pass
    assert str(folder.path) in str(told.value)
    assert (folder.path / "runs.ndjson").read_bytes() == b"{}\n"
    shutil.rmtree(folder.path)


def test_a_store_that_nobody_knows_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="nosuch://bucket/folder cannot be reached: "):
        folder_at("nosuch://bucket/folder")


def test_names_in_a_store_lead_nowhere_else(tmp_path: Path) -> None:
    files = fsspec.filesystem("memory")
    files.store[f"{tmp_path}/store/../../outside"] = fsspec.implementations.memory.MemoryFile(files, "x", b"1")
    try:
        with StoredFolder(f"memory://{tmp_path}/store") as folder:
            assert list(folder.path.rglob("*")) == []
        assert not (folder.path.parent / "outside").exists()
    finally:
        files.store.clear()


def test_a_folder_of_this_machine_is_itself(tmp_path: Path) -> None:
    with folder_at(str(tmp_path)) as folder:
        assert folder.path == tmp_path
    with folder_at(None) as nowhere:
        assert nowhere.path is None


def test_what_a_killed_run_has_left_goes_when_the_next_begins(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    working = StoredFolder(store)
    if (child := os.fork()) == 0:
        StoredFolder(store)
        os._exit(1)  # as one that was killed: nothing is done at its end
    os.waitpid(child, 0)
    left = {*(tmp_path / "tmp").iterdir()} - {working.path.parent}
    assert len(left) == 1
    with working, StoredFolder(store) as following:
        assert {*(tmp_path / "tmp").iterdir()} == {working.path.parent, following.path.parent}
