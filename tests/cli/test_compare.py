"""``testbed compare``: the same scenarios with several programs in one part."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from testbed.cli import FAILED, HELD, WRONG_USAGE
from tests.command import testbed

DELIVERED = "title: Mail\nsteps: [send: {to: bob@someschool.edu}]\nexpect: [delivered: {to: bob@someschool.edu}]\n"
TOO_STRICT = DELIVERED.replace("expect: [", "expect: [reply: {from: crepes.fr, on: RCPT, code: 250 2.9.9}, ")
OF_OURS = DELIVERED + "hosts: {someschool.edu: {mailboxes: {bob: {quota: 1 MB}}}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("delivered", DELIVERED), ("strict", TOO_STRICT), ("of-ours", OF_OURS)):
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--relay", "postfix"], "say which two or more are compared in one part"),
        ([], "say which two or more are compared in one part"),
        (["--relay", "ours", "--receiver", "ours"], "say which two or more are compared in one part"),
        (["--relay", "ours,postfix", "--receiver", "ours,exim"], "say which two or more are compared in one part"),
        (["--relay", "postfiks"], "did you mean 'postfix'?"),
        (["--receiver", "ours,ours"], "'ours' is named twice"),
        (["--relay", "ours,postfix", "--untrusted"], "--untrusted"),
    ],
)
def test_who_is_compared_must_be_said(options: list[str], complaint: str, folder: Path) -> None:
    done = testbed("compare", str(folder), *options)
    assert (done.returncode, complaint in done.stderr) == (WRONG_USAGE, True), done.stderr


@pytest.mark.lab
def test_two_receivers_side_by_side(folder: Path) -> None:
    """aiosmtpd's own server comes with the testbed, and plays a receiver; quotas are only ours."""
    done = testbed("compare", str(folder), "--receiver", "ours,aiosmtpd", "--json", "-", "--keep", str(folder / "kept"))
    assert done.returncode == FAILED, done.stderr
    cells = {Path(row["file"]).stem: row["cells"] for row in json.loads(done.stdout)["rows"]}
    assert {name: [cell["words"] for cell in own] for name, own in cells.items()} == {
        "delivered": ["delivered", "delivered"],
        "of-ours": ["delivered", "skipped"],
        "strict": ["delivered", "delivered"],
    }
    broken = {(name, cell["player"]) for name, own in cells.items() for cell in own if cell["breaches"]}
    assert broken == {("strict", "ours"), ("strict", "aiosmtpd")}
    traces = {cell["trace"] for own in cells.values() for cell in own if cell["words"] != "skipped"}
    assert traces == {path.name for path in (folder / "kept").glob("*.pcapng")}


@pytest.mark.lab
def test_people_see_a_table_and_files_are_written(folder: Path) -> None:
    page, data = folder / "page.md", folder / "data.json"
    done = testbed(
        "compare",
        str(folder / "delivered.yaml"),
        "--receiver",
        "ours,aiosmtpd",
        "-v",
        "--markdown",
        str(page),
        "--json",
        str(data),
    )
    assert done.returncode == HELD, done.stdout + done.stderr
    assert "1 scenario compared · 0 differ · 1 alike" in done.stdout
    assert page.read_text().startswith("| scenario | the lab's own | aiosmtpd")
    assert json.loads(data.read_text())["players"] == ["ours", "aiosmtpd"]
