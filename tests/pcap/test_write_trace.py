"""What we write, tshark and capinfos read without a complaint."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from scapy.layers.inet import IP, TCP

from testbed.pcap.read import read_capture
from testbed.pcap.write import LOST, WIRE, TraceWriter

pytestmark = pytest.mark.program("tshark")

START = 1_700_000_000_123_456_789
NAMES = {"10.0.0.1": "mail.crepes.fr", "10.0.0.2": "mail.someschool.edu", "2001:db8::1": "v6.crepes.fr"}


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "trace.pcapng"
    syn = bytes(IP(src="10.0.0.1", dst="10.0.0.2") / TCP(sport=2000, dport=25, seq=1, flags="S"))
    syn_ack = bytes(IP(src="10.0.0.2", dst="10.0.0.1") / TCP(sport=25, dport=2000, seq=5, ack=2, flags="SA"))
    with path.open("wb") as file:
        writer = TraceWriter(file, application="Mail Testbed")
        writer.names(NAMES)
        assert writer.log(START, "mail.crepes.fr", "attempt", "tries\nagain – ünïcode", {"queue_id": "A1"}) == 1
        assert writer.packet(START + 1, syn, lost=True, comment="lost by the fault in line 4 – ✓") == 2
        writer.secrets(b"CLIENT_RANDOM " + b"00" * 32 + b" " + b"11" * 48 + b"\n")
        assert writer.packet(START + 1_000_000_001, syn) == 3
        assert writer.log(START + 1_000_000_002, "mail.someschool.edu", "step", "x", {}) == 4
        assert writer.packet(START + 1_000_000_003, syn_ack) == 5
        writer.flush()
    return path


def run(path: Path, *arguments: str, names: bool = False) -> str:
    command = ["tshark", *(["-N", "n"] if names else ["-n"]), "-r", str(path), *arguments]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    complaints = [line for line in done.stderr.splitlines() if line and not line.startswith("Running as user")]
    assert complaints == []
    return done.stdout


def test_frames_times_and_interfaces(trace: Path) -> None:
    fields = ("frame.number", "frame.time_epoch", "frame.interface_name", "frame.protocols")
    rows = [
        line.split("\t") for line in run(trace, "-T", "fields", *(a for f in fields for a in ("-e", f))).splitlines()
    ]
    assert [row[0] for row in rows] == ["1", "2", "3", "4", "5"]
    assert [rows[n][1] for n in (1, 2, 4)] == ["1700000000.123456790", "1700000001.123456790", "1700000001.123456792"]
    assert [rows[n][2] for n in (1, 2, 4)] == [LOST, WIRE, WIRE]
    assert [row[3] for row in rows] == ["systemd_journal", "raw:ip:tcp", "raw:ip:tcp", "systemd_journal", "raw:ip:tcp"]


def test_names_are_shown(trace: Path) -> None:
    assert "mail.crepes.fr → mail.someschool.edu" in run(trace, "-Y", "frame.number==3", names=True)


def test_comment_and_log_lines(trace: Path) -> None:
    assert "lost by the fault in line 4 – ✓" in run(trace, "-T", "fields", "-e", "frame.comment")
    text = run(trace, "-V", "-Y", "frame.number==1")
    assert "mail.crepes.fr" in text
    assert "TESTBED_QUEUE_ID" in text
    assert "again" in text


def test_nothing_is_malformed(trace: Path) -> None:
    assert run(trace, "-Y", "_ws.malformed || _ws.expert.severity == error") == ""


def test_we_read_it_back(trace: Path) -> None:
    capture = read_capture(trace)
    assert capture.names == NAMES
    assert capture.frame.tolist() == [2, 3, 5]
    assert [entry.frame for entry in capture.journal] == [1, 4]
    assert capture.journal[0].fields["MESSAGE"] == "tries\nagain – ünïcode"
    assert capture.time_ns.tolist() == [START + 1, START + 1_000_000_001, START + 1_000_000_003]
    assert capture.problems == ()
