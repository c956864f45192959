"""Traces with TLS hold their keys, so that others read them as they are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from testbed.outcome import Result
from testbed.pcap.read import read_capture
from testbed.trace.inspect import inspect
from tests.conftest import PROJECT
from tests.lab.test_scenarios import play, why
from tests.patience import HANG_S

pytestmark = [pytest.mark.lab, pytest.mark.program("tshark")]


def _tshark(trace: Path, *options: str) -> str:
    command = ["tshark", "-r", str(trace), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=HANG_S, check=True).stdout


def test_tshark_shows_what_was_said_inside_without_being_told_anything(tmp_path: Path) -> None:
    text = (PROJECT / "scenarios" / "auth" / "logged-in.yaml").read_text()
    text = text.replace("matrix:\n  port: [587, 465]\n", "").replace("$port", "587")
    text = text.replace("starttls: true,", "starttls: true, tls: required,")
    text = text.replace("\nsteps:", "  someschool.edu: {starttls: true}\n\nsteps:")
    outcome = play(text, tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    shown = _tshark(tmp_path / "trace.pcapng", "-Y", "tls && smtp")
    for port_said in ("C: AUTH PLAIN", "S: 235 2.7.0", "C: RCPT TO:<bob@someschool.edu>", "from: alice@crepes.fr"):
        assert port_said in shown
    assert shown.count("C: DATA") == 2  # submission and relaying
    assert "CERTIFICATE" not in shown


def test_keys_come_before_the_packets_they_open(tmp_path: Path) -> None:
    """Read in one pass, as from a pipe: tshark knows nothing of what comes later."""
    outcome = play(_through_tls(), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    with (tmp_path / "trace.pcapng").open("rb") as trace:
        command = ["tshark", "-l", "-r", "-", "-Y", "tls && smtp"]
        shown = subprocess.run(command, stdin=trace, capture_output=True, text=True, timeout=HANG_S, check=True).stdout
    assert "C: RCPT TO:<bob@someschool.edu>" in shown
    assert "S: 250 2.0.0 Message stored" in shown


def test_each_key_is_there_once_and_stays_in_an_annotated_trace(tmp_path: Path) -> None:
    outcome = play(_through_tls(), tmp_path)
    lines = _keys(tmp_path / "trace.pcapng")
    assert outcome.result is Result.HELD, why(outcome)
    assert len(lines) == len(set(lines)) == 5  # TLS 1.3: two for the handshake, two for what follows, the exporter's
    annotated = tmp_path / "annotated.pcapng"
    command = [sys.executable, "-m", "testbed", "inspect", "-o", str(annotated), str(tmp_path / "trace.pcapng")]
    subprocess.run(command, cwd=PROJECT, capture_output=True, timeout=HANG_S, check=True)
    assert _keys(annotated) == lines
    assert "C: RCPT TO" in _tshark(annotated, "-Y", "tls && smtp")


def test_a_lab_without_tls_has_no_keys(tmp_path: Path) -> None:
    play(PROJECT / "scenarios" / "delivered.yaml", tmp_path)
    assert _keys(tmp_path / "trace.pcapng") == []
    assert all(connection.tls is None for connection in inspect(tmp_path / "trace.pcapng").connections)


def _through_tls() -> str:
    text = (PROJECT / "scenarios" / "tls" / "through-tls.yaml").read_text()
    return text.replace("matrix:\n  tls: [opportunistic, required]\n", "").replace("$tls", "required")


def _keys(trace: Path) -> list[bytes]:
    return [line for secrets in read_capture(trace).secrets for line in bytes(secrets).splitlines()]
