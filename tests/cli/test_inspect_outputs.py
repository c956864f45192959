"""The other ways to see an analysis: filtered, as lines of JSON, as CSV, dissected by Wireshark, from Python."""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import testbed as package
from tests.command import testbed
from tests.conftest import PROJECT
from tests.patience import HANG_S
from tests.traces import TRACES

FULL = "captures/mailbox-full.pcapng"
ENCRYPTED = "captures/no-tls-no-mail-stripped.pcapng"


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        (["service=smtp"], {5, 8, 11}),
        (["finding=any"], {5, 8}),
        (["finding=mailbox-full", "reply=452"], {5, 8}),
        (["service=smtp", "finding=none"], {11}),
        (["service=submission"], {2}),
        (["service=smtp,submission"], {2, 5, 8, 11}),
        (["service!=dns"], {2, 5, 8, 11}),
        (["client=alice.crepes.fr", "service!=dns"], {2}),
        (["host=127.0.0.30"], {5, 8, 11}),
        (["port=587"], {2}),
        (["mail=bob@someschool.edu", "reply=4.2.2"], {5, 8}),
        (["state=S0"], set()),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_filters_choose_connections(filters: list[str], numbers: set[int]) -> None:
    arguments = [word for text in filters for word in ("--filter", text)]
    [capture] = json.loads(testbed("inspect", "--json", *arguments, FULL).stdout)["captures"]
    assert {connection["number"] for connection in capture["connections"]} == numbers


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("servce=smtp", "there is no term 'servce'; did you mean 'service'?"),
        ("service", "write service=WORD or service!=WORD"),
        ("xyz=1", "write one of client, server, host"),
        ("service=smpt", "there is no service 'smpt'; did you mean 'smtp'?"),
        ("service!=smtp,tpc", "there is no service 'tpc'; did you mean 'tcp'?"),
        ("state=XY", "there is no state 'xy'; write one of S0, S1, SF"),
        ("closure=rest", "did you mean 'reset'?"),
        ("handshake=compete", "did you mean 'complete'?"),
        ("severity=errors", "did you mean 'error'?"),
    ],
)
def test_a_wrong_filter_is_told(text: str, complaint: str) -> None:
    shown = testbed("inspect", "--filter", text, FULL)
    assert shown.returncode == 2
    assert complaint in shown.stderr


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        (["host=crepe.fr"], ["no connection has host=crepe.fr; did you mean 'crepes.fr'?"]),
        (["reply=4x2"], ["no connection has reply=4x2; did you mean '452'?"]),
        (["finding=mailbox-ful"], ["no connection has finding=mailbox-ful; did you mean 'mailbox-full'?"]),
        (
            ["mail=zoe@nowhere.example"],
            ["no connection has mail=zoe@nowhere.example; there is alice@crepes.fr, bob@someschool.edu"],
        ),
        (["service=pop3", "reply=452"], ["no connection has service=pop3; there is dns, smtp, submission, tcp, udp"]),
        (["reply=452", "service=submission"], ["no connection passes all filters, although each is passed by some"]),
        (
            ["closure=reset by client"],
            ["no connection has closure=reset by client; there is normal, normal by server, open"],
        ),
        (["service=smtp"], []),
        (["finding!=any", "service=smtp"], []),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.parametrize("files", [[FULL], [FULL, FULL]], ids=["one", "two"])
def test_a_filter_that_chooses_nothing_is_told_once(filters: list[str], told: list[str], files: list[str]) -> None:
    arguments = [word for text in filters for word in ("--filter", text)]
    shown = testbed("inspect", "--csv", *arguments, *files)
    assert (shown.returncode, shown.stderr.splitlines()) == (0, told)


def test_a_word_that_another_file_has_is_no_mistake() -> None:
    shown = testbed("inspect", "--csv", "--filter", "finding=user-unknown", FULL, "captures/unknown-user.pcapng")
    assert (shown.returncode, shown.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("x.html", "name OUT.pcapng; --html FILE writes a page"),
        ("x.JSON", "name OUT.pcapng; --json prints JSON"),
        ("x.csv", "--csv prints a row for each connection"),
        ("x.eml", "--export-mail DIR writes messages"),
        ("x.pcap", "--output writes pcapng only"),
        ("x.pcapng.gz", "--output writes pcapng only"),
    ],
)
def test_output_refuses_what_it_does_not_write(name: str, advice: str, tmp_path: Path) -> None:
    shown = testbed("inspect", "-o", tmp_path / name, FULL)
    assert shown.returncode == 2
    assert advice in shown.stderr
    assert not (tmp_path / name).exists()


def test_ndjson_is_a_line_per_thing() -> None:
    lines = [json.loads(line) for line in testbed("inspect", "--ndjson", "--packets", FULL).stdout.splitlines()]
    kinds = [line["type"] for line in lines]
    assert kinds[0] == "capture"
    assert kinds.count("connection") == 11
    assert kinds.count("finding") == 3
    assert kinds.count("packet") == sum(line["packets"] for line in lines if line["type"] == "connection")
    assert {line["file"] for line in lines} == {FULL}


def test_csv_has_a_row_per_connection() -> None:
    rows = list(csv.DictReader(io.StringIO(testbed("inspect", "--csv", FULL).stdout, newline="")))
    assert [row["service"] for row in rows].count("smtp") == 3
    assert {row["findings"] for row in rows} == {"", "mailbox-full"}


def test_a_folder_means_every_capture_in_it(tmp_path: Path) -> None:
    for trace in TRACES[:20]:
        shutil.copy(trace, tmp_path)
    document = json.loads(testbed("inspect", "--json", str(tmp_path)).stdout)
    assert [Path(capture["file"]).name for capture in document["captures"]] == sorted(
        trace.name for trace in TRACES[:20]
    )


def test_one_bad_file_does_not_hide_the_others() -> None:
    shown = testbed("inspect", "README.md", FULL)
    assert shown.returncode == 2
    assert "README.md: this is not a pcap or pcapng file" in shown.stderr
    assert "mailbox full (temporary)" in shown.stdout


# The first frame of a capture that a display filter of Wireshark's chooses.
DISSECTED = {
    "a name asked for": (FULL, "dns"),
    "a refusal": (FULL, "smtp.response.code == 452"),
    "a message put together": (FULL, "imf"),
    "encrypted": (ENCRYPTED, "tls.app_data"),
    "a certificate": (ENCRYPTED, "tls.handshake.certificate"),
}


@pytest.mark.program("tshark")
@pytest.mark.parametrize(("capture", "which"), DISSECTED.values(), ids=DISSECTED)
def test_deep_shows_all_that_wireshark_does(capture: str, which: str) -> None:
    frame = tshark(capture, which, "-T", "fields", "-e", "frame.number").split()[0]
    shown = testbed("inspect", "--deep", frame, capture)
    assert shown.returncode == 0, shown.stderr
    # Which fields are tshark's own thoughts, and stand in brackets, its XML does not tell.
    assert _without_brackets(shown.stdout) == _without_brackets(tshark(capture, f"frame.number == {frame}", "-V"))


def tshark(capture: str, which: str, *options: str) -> str:
    command = ["tshark", "-n", "-r", capture, "-Y", which, *options]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout


def _without_brackets(text: str) -> list[str]:
    return [line.replace("[", "").replace("]", "").rstrip() for line in text.splitlines() if line]


REFUSED_DEEP = {
    "no frame": (("99999", FULL), f"{FULL}: there is no frame 99999"),
    "no file": (("1", "nowhere.pcap"), "nowhere.pcap: it cannot be read: no such file"),
    "no capture": (("1", "README.md"), "README.md: tshark cannot read it"),
    "two": (("1", FULL, FULL), "--deep takes one capture at a time; name one FILE"),
    "a pipe": (("1", "-"), "-: it cannot be read: no such file"),
}


@pytest.mark.program("tshark")
@pytest.mark.parametrize(("words", "why"), REFUSED_DEEP.values(), ids=REFUSED_DEEP)
def test_deep_refuses_what_it_cannot_show(words: tuple[str, ...], why: str) -> None:
    shown = testbed("inspect", "--deep", *words)
    assert (shown.returncode, shown.stdout) == (2, "")
    assert shown.stderr.startswith(f"error: {why}")
    assert "Traceback" not in shown.stderr


def test_python_has_the_same_inspector() -> None:
    analysis = package.inspect(PROJECT / FULL)
    assert [finding.code for finding in analysis.findings] == ["delivery-retried", "mailbox-full", "mailbox-full"]
    assert isinstance(analysis, package.Analysis)
    with pytest.raises(AttributeError):
        package.nothing  # noqa: B018


def test_the_inspector_loads_no_laboratory() -> None:
    code = (
        "import sys, testbed; testbed.inspect('captures/delivered.pcapng'); "
        "print([m for m in ('scapy', 'pyshark', 'pydantic', 'aiosmtpd', 'asyncio', 'rich') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"


@pytest.mark.parametrize("packing", ["plain", "gzip", "zstd"])
@pytest.mark.parametrize("way", ["file", "standard input"])
def test_captures_may_be_packed_and_piped(packing: str, way: str, tmp_path: Path) -> None:
    octets = (PROJECT / FULL).read_bytes()
    if packing == "gzip":
        octets = gzip.compress(octets)
    elif packing == "zstd":
        octets = pytest.importorskip("zstandard").compress(octets)
    file = tmp_path / "capture"
    file.write_bytes(octets)
    with file.open("rb") as stdin:
        shown = subprocess.run(
            [sys.executable, "-m", "testbed", "inspect", "-" if way == "standard input" else str(file)],
            stdin=stdin,
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=HANG_S,
            check=True,
        )
    assert "crepes.fr tried 3 times to hand mail for bob@someschool.edu" in shown.stdout


@pytest.mark.parametrize("magic", [b"\x1f\x8b", b"\x28\xb5\x2f\xfd"], ids=["gzip", "zstd"])
def test_damaged_packing_is_told(magic: bytes, tmp_path: Path) -> None:
    file = tmp_path / "capture"
    file.write_bytes(magic + b"\xff" * 40)
    shown = testbed("inspect", file)
    assert shown.returncode == 2
    assert "data is damaged from the start" in shown.stderr
