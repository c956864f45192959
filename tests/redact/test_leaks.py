"""Nothing that identifies anybody gets through: what other means find in a capture is in no output once redacted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from testbed.pcap.read import read_capture
from testbed.redact.redactor import Redactor
from testbed.report.pictures.style import FONT, MONOSPACE
from testbed.trace.inspect import inspect
from tests.conftest import PROJECT
from tests.redact.identifying import identifying, leaks
from tests.redact.outputs import outputs, said
from tests.redact.public import PUBLIC

pytest.importorskip("pyarrow", reason="tables are read back with pyarrow, which is not here")

KEY = bytes(range(64))
REFERENCES = (
    "address-beyond-ascii",
    "aggregate-report",
    "attachments-8BITMIME",
    "bad-certificate-wrong-name",
    "block-list-127.0.0.2-2.0.0.127-listed-refuse",
    "bounce-in-form",
    "command-injected-required",
    "corrupted-data",
    "eight-bits-kept",
    "from-keyboard-to-browser",
    "imap-expunged-uids",
    "imap-idle",
    "lmtp-in-chunks",
    "logged-in-587",
    "mailbox-full-ipv6",
    "mx-unanswered-garbled",
    "one-mailbox-three-ways",
    "pop3-fetched-and-deleted",
    "pop3-login-refused-nobody",
    "postfix-mailbox-full",
    "python-submits",
    "signed-in-transit-relaxed-a-footer",
    "signed-in-transit-relaxed-encoded-anew",
    "ways-of-forwarding-encoded-anew-False-False-keep-True-fail-fail-none-fail-refuse-0",
)


def _words(path: Path) -> set[bytes]:
    return identifying(b"\n".join(said(read_capture(path))))


def _own(output: str) -> set[bytes]:
    """The words that an output has whatever the capture: a page is full of them, and JSON has names for its values."""
    if output == "--html":
        parts = [path for path in (PROJECT / "testbed" / "report" / "html").rglob("*.*") if path.is_file()]
        texts = [*(path.read_bytes().lower() for path in parts), FONT.lower().encode(), MONOSPACE.lower().encode()]
    elif output in ("--json", "--ndjson"):
        texts = [(PROJECT / "docs" / "inspect.schema.json").read_bytes().lower()]
        return set(re.findall(rb'"([a-z_]+)":', texts[0]))
    else:
        return set()
    return set(re.findall(rb"[a-z]+", b"\n".join(texts)))


@pytest.mark.parametrize("name", REFERENCES)
def test_no_output_of_a_reference_tells_who(name: str, tmp_path: Path) -> None:
    path = PROJECT / "captures" / f"{name}.pcapng"
    words = _words(path)
    assert {b"alice", b"someschool"} & words
    for output, octets in outputs(Redactor(KEY).inspected(str(path), 1), tmp_path):
        assert not leaks(words - _own(output), octets), output


@pytest.mark.parametrize("path", PUBLIC, ids=lambda path: path.stem)
def test_no_output_of_a_strangers_capture_tells_who(path: Path, tmp_path: Path) -> None:
    words = _words(path)
    for output, octets in outputs(Redactor(KEY).inspected(str(path), 1), tmp_path):
        assert not leaks(words - _own(output), octets), output


def test_what_is_looked_for_would_be_found(tmp_path: Path) -> None:
    path = PROJECT / "captures" / "from-keyboard-to-browser.pcapng"
    words = _words(path)
    for output, octets in outputs(inspect(path), tmp_path):
        assert leaks(words, octets), output
