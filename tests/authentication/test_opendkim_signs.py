"""OpenDKIM signs, ours verifies: what it signed passes, and one octet changed in what it covers fails.

Nothing is asked of the network: OpenDKIM's test mode reads files and prints the fields it would insert.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from testbed.authentication import dkim
from testbed.authentication.dkim import Verdict
from testbed.authentication.message import parse
from tests.authentication.messages import a_key, world
from tests.authentication.test_oracles import samples

_FORMS = ("simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed")
_INSERTED = re.compile(rb"### INSHEADER: idx=0 hname='DKIM-Signature' hvalue='(.*?)'\n", re.DOTALL)


@dataclass(frozen=True)
class Way:
    """How OpenDKIM is told to sign: the fields, those once more than they are there, and whether l= is said."""

    headers: str = "From"
    oversigned: str = ""
    length: bool = False


_WAYS = {
    "From": Way(),
    "several fields": Way("From,To,Subject,Date,X-Folded"),
    "oversigned": Way("From,To,Subject,Cc", "From,Subject,Cc"),
    "l=": Way("From,Subject", "From", length=True),
}


@cache
def letters() -> tuple[bytes, ...]:
    """Messages of the lot that other oracles judge, each once, without the signature that they have."""
    plain = (sample.octets for sample in samples() if sample.change == "none")
    return tuple(octets[len(parse(octets).fields[0].octets) :] for octets in plain)


def signed(form: str, way: Way, folder: Path) -> list[bytes]:
    """The letters under OpenDKIM's signatures; skips where it is not installed."""
    if not (program := shutil.which("opendkim", path="/usr/sbin:" + os.environ["PATH"])):
        pytest.skip("it needs OpenDKIM (Debian's opendkim)")
    (folder / "key.pem").write_bytes(
        a_key().key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    )
    (folder / "everybody").write_text("*\n", "utf-8")
    said = {
        "Mode": "s",
        "Domain": "crepes.fr",
        "Selector": "s1",
        "KeyFile": str(folder / "key.pem"),
        "RequireSafeKeys": "false",  # it wants no folder above to be everybody's, as /tmp is
        "Canonicalization": form,
        "SignatureAlgorithm": "rsa-sha256",
        "SignHeaders": way.headers,
        "OversignHeaders": way.oversigned,
        "BodyLengthDB": f"refile:{folder / 'everybody'}" if way.length else "",
    }
    configured = folder / "opendkim.conf"
    configured.write_text("".join(f"{key} {value}\n" for key, value in said.items() if value), "utf-8")
    files = [folder / f"{number}.eml" for number in range(len(letters()))]
    for file, letter in zip(files, letters(), strict=True):
        file.write_bytes(letter)
    command = [program, "-x", str(configured), "-t", ",".join(map(str, files)), "-vv"]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    fields = _INSERTED.findall(done.stdout)
    assert len(fields) == len(letters()), done.stderr
    return [
        b"DKIM-Signature: " + field.replace(b"\n", b"\r\n") + b"\r\n" + letter
        for field, letter in zip(fields, letters(), strict=True)
    ]


def judged(message: bytes) -> Verdict:
    """What ours finds of a message's one signature."""
    [verdict] = dkim.verify(message, world({"s1._domainkey.crepes.fr": a_key().record}))
    return verdict


def changed(octets: bytes) -> bytes:
    """With another first octet of those that are no blank: relaxed passes over how many blanks there are."""
    return re.sub(rb"\S", lambda octet: bytes([octet[0][0] ^ 1]), octets, count=1)


@pytest.mark.parametrize("form", _FORMS)
@pytest.mark.parametrize("way", _WAYS.values(), ids=_WAYS)
def test_what_opendkim_signed_passes_until_an_octet_is_changed(form: str, way: Way, tmp_path: Path) -> None:
    bodies_changed = 0
    for message in signed(form, way, tmp_path):
        verdict = judged(message)
        assert verdict.result == "pass", verdict.reason
        assert verdict.claims is not None
        assert (verdict.claims.algorithm, verdict.claims.header_form, verdict.claims.body_form) == (
            "rsa-sha256",
            *form.split("/"),
        )
        assert (verdict.claims.length is not None) == way.length
        assert {name.lower() for name in way.oversigned.split(",") if name} <= set(verdict.oversigned)

        head, end, body = message.partition(b"\r\n\r\n")
        before, author, after = head.partition(b"\r\nFrom: ")
        found = judged(before + author + changed(after) + end + body)
        assert (found.result, found.blame) == ("fail", "header"), found.reason
        if body.strip():
            bodies_changed += 1
            found = judged(head + end + changed(body))
            assert (found.result, found.blame) == ("fail", "body"), found.reason
            assert judged(message + b"-- the list\r\n").result == ("pass" if way.length else "fail")
    assert bodies_changed
