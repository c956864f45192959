"""DKIM: two hundred signed messages, as they are and changed, to dkimpy, OpenDKIM and mailauth, where these are here.

All agree with ours but where a difference is named below.  None asks the network: their keys are given to them.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import dkim as dkimpy
import pytest

from testbed.authentication import dkim, signing
from testbed.authentication.canonical import Form
from testbed.authentication.keys import KeyType
from tests.authentication.messages import a_key, world

_NAMES: dict[KeyType, str] = {"rsa": "s1._domainkey.crepes.fr", "ed25519": "s2._domainkey.crepes.fr"}
_FORMS: tuple[Form, Form] = ("simple", "relaxed")
_NODE_PATH = os.pathsep.join(
    (*filter(None, [os.environ.get("NODE_PATH")]), "/usr/lib/node_modules", "/usr/local/lib/node_modules")
)
_MAILAUTH = """
const { dkimVerify } = require('mailauth/lib/dkim/verify');
const fs = require('fs');
const [keys, ...files] = process.argv.slice(1);
const records = JSON.parse(fs.readFileSync(keys));
const resolver = async name => {
  if (records[name]) return [[records[name]]];
  throw Object.assign(new Error(name), { code: 'ENOTFOUND' });
};
(async () => {
  const said = [];
  for (const file of files) {
    const found = await dkimVerify(fs.readFileSync(file), { resolver });
    said.push(found.results.length === 1 && found.results[0].status.result === 'pass');
  }
  console.log(JSON.stringify(said));
})();
"""


@dataclass(frozen=True)
class Sample:
    """``change`` is what was done to the message after it was signed, ``length`` how l= was said."""

    octets: bytes
    kind: KeyType
    header: Form
    body: Form
    length: str
    change: str


_LINES = (
    b"Crepes at noon?",
    b"",
    b".",
    b"..two dots",
    b"two  spaces\tand a tab",
    b"spaces at the end  ",
    b"\t",
    "Crêpes à midi".encode(),
    "Crêpes".encode("latin-1"),
    b"x" * 990,
    b"From here on",
    b"-- ",
)
_SUBJECTS = (b"Lunch?", b"Lunch\r\n at noon", b"Lunch  \r\n\t and  dinner ", b"", "Crêpes".encode(), b"a: b; c=d")
_CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "none": lambda message: message,
    "an empty line more": lambda message: message + b"\r\n",
    "a line more": lambda message: message + b"-- the list\r\n",
    "a tag in the subject": lambda message: message.replace(b"\r\nSubject:", b"\r\nSubject: [list]", 1),
    "a space in the subject": lambda message: message.replace(b"\r\nSubject: ", b"\r\nSubject:  ", 1),
    "a field unfolded": lambda message: message.replace(b"noon\r\n X", b"noon X", 1),
    "a name in capitals": lambda message: message.replace(b"\r\nTo:", b"\r\nTO:", 1),
    "a field on top": lambda message: b"Received: from a by b; Mon, 15 Jan 2024 12:00:00 +0000\r\n" + message,
}


@cache
def samples() -> tuple[Sample, ...]:
    lot = random.Random(6376)
    return tuple(_sample(lot, list(_CHANGES)[number % len(_CHANGES)]) for number in range(200))


def _sample(lot: random.Random, change: str) -> Sample:
    body = b"".join(line + b"\r\n" for line in lot.choices(_LINES, k=lot.randrange(8)))
    body += b"\r\n" * lot.randrange(3)
    subject = lot.choice(_SUBJECTS)
    message = (
        b"From: Alice <alice@crepes.fr>\r\nTo: bob@someschool.edu\r\nSubject: " + subject + b"\r\n"
        b"Date: Mon, 15 Jan 2024 12:00:00 +0000\r\nX-Folded: at noon\r\n X-or  later\r\n\r\n" + body
    )
    kind: KeyType = lot.choice(("rsa", "ed25519"))
    header, form = lot.choice(_FORMS), lot.choice(_FORMS)
    length = lot.choice(("none", "none", "0", "all"))
    octets = {"none": None, "0": 0, "all": len(signing.canonical.body(body, form))}[length]
    covered = ("from", "to", "subject", "date", "x-folded")
    signed = signing.sign(
        message,
        a_key(kind),
        "crepes.fr",
        _NAMES[kind].partition(".")[0],
        header_form=header,
        body_form=form,
        covered=covered,
        length=octets,
    )
    return Sample(_CHANGES[change](signed + message), kind, header, form, length, change)


def ours(sample: Sample) -> bool:
    records: dict[str, str | list[str]] = {name: a_key(kind).record for kind, name in _NAMES.items()}
    return dkim.verify(sample.octets, world(records))[0].result == "pass"


def differing(theirs: list[bool], named: Callable[[Sample], bool] = lambda sample: False) -> list[str]:
    """The samples that are judged otherwise, and are not of a difference that has a name."""
    assert len(theirs) == len(samples())
    return [
        f"{sample.kind} {sample.header}/{sample.body} l={sample.length} {sample.change}: they say {said}"
        for sample, said in zip(samples(), theirs, strict=True)
        if said != ours(sample) and not named(sample)
    ]


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    for number, sample in enumerate(samples()):
        (tmp_path / f"{number}.eml").write_bytes(sample.octets)
    return [str(tmp_path / f"{number}.eml") for number in range(len(samples()))]


def test_all_kinds_are_among_them_and_both_verdicts() -> None:
    assert {ours(sample) for sample in samples() if sample.change == "none"} == {True}
    assert {ours(sample) for sample in samples() if sample.change == "a tag in the subject"} == {False}
    assert 40 < sum(ours(sample) for sample in samples()) < 160


def test_dkimpy_agrees() -> None:
    def record(name: bytes, timeout: int = 5) -> bytes:
        kind = next(kind for kind, place in _NAMES.items() if place == name.decode().removesuffix("."))
        return a_key(kind).record.encode()

    theirs = [bool(dkimpy.verify(sample.octets, dnsfunc=record)) for sample in samples()]
    without_ed25519 = find_spec("nacl") is None
    assert differing(theirs, lambda sample: without_ed25519 and sample.kind == "ed25519") == []


def test_opendkim_agrees(files: list[str], tmp_path: Path) -> None:
    if not (program := shutil.which("opendkim", path="/usr/sbin:" + os.environ["PATH"])):
        pytest.skip("it needs OpenDKIM (Debian's opendkim)")
    keys = tmp_path / "keys"
    keys.write_text("".join(f"{name} {a_key(kind).record}\n" for kind, name in _NAMES.items()), "utf-8")
    configured = tmp_path / "opendkim.conf"
    configured.write_text(f"Mode v\nTestPublicKeys {keys}\n", "utf-8")
    done = subprocess.run(
        [program, "-x", configured, "-t", ",".join(files), "-v"], capture_output=True, timeout=60, check=False
    )
    said = done.stdout.decode("latin-1") + done.stderr.decode("latin-1")
    passed = set(re.findall(r"(\d+)\.eml: verification \(.*?\) succeeded", said))
    # Version 2.11 of Debian has no Ed25519.
    theirs = [str(number) in passed for number in range(len(files))]
    assert differing(theirs, lambda sample: sample.kind == "ed25519" or _drops_a_space(sample)) == []


def _drops_a_space(sample: Sample) -> bool:
    """OpenDKIM's test mode takes all spaces behind a colon for one, as a milter may see fields."""
    return sample.header == "simple" and sample.change == "a space in the subject"


def test_mailauth_agrees(files: list[str], tmp_path: Path) -> None:
    if not (node := shutil.which("node")):
        pytest.skip("it needs Node.js")
    environment = {**os.environ, "NODE_PATH": _NODE_PATH}
    here = subprocess.run([node, "-e", "require('mailauth')"], capture_output=True, env=environment, check=False)
    if here.returncode:
        pytest.skip("it needs mailauth (of npm), globally or in NODE_PATH")
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({name: a_key(kind).record for kind, name in _NAMES.items()}), "utf-8")
    done = subprocess.run(
        [node, "-e", _MAILAUTH, str(keys), *files], capture_output=True, env=environment, timeout=60, check=True
    )
    # It knows no signature that covers nothing of the body: for it, the hash of l=0 never fits.
    assert differing(json.loads(done.stdout.splitlines()[-1]), lambda sample: b" l=0;" in sample.octets) == []
