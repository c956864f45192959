"""An application that checks certificates, and a lab that it can be told to trust."""

from __future__ import annotations

import os
import smtplib
import ssl
import subprocess
import sys
from collections.abc import Callable

import pytest

from testbed import open_lab
from testbed.errors import UsageError

pytestmark = pytest.mark.lab

SECURE = {"crepes.fr": {"starttls": True}}
FLAWS = ["expired", "wrong-name", "self-signed"]
CLIENT = """
import os, smtplib, ssl
host, port = os.environ["TESTBED_SUBMISSION_HOST"], int(os.environ["TESTBED_SUBMISSION_PORT"])
with smtplib.SMTP(host, port) as relay:
    relay.starttls(context=ssl.create_default_context())
    print(relay.noop()[0])
"""


def hand_in(place: tuple[str, int], context: ssl.SSLContext) -> None:
    with smtplib.SMTP(*place) as relay:
        relay.starttls(context=context)
        relay.sendmail("alice@crepes.fr", ["bob@someschool.edu"], "Subject: Hi\r\n\r\nHello")


@pytest.mark.parametrize("place", [str, lambda host: "localhost"], ids=["127.0.0.1", "localhost"])
def test_a_good_certificate_is_good_where_the_port_is_forwarded_to(place: Callable[[str], str]) -> None:
    with open_lab(hosts=SECURE) as bed:
        host, port = bed.address("crepes.fr", "submission")
        hand_in((place(host), port), bed.ssl_context())
        assert [message["Subject"] for message in bed.messages("bob@someschool.edu")] == ["Hi"]


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_bad_one_is_refused_by_the_same_client(flaw: str) -> None:
    with open_lab(hosts=SECURE, faults=[{"tls": "crepes.fr", "is": flaw}]) as bed:
        with pytest.raises(ssl.SSLCertVerificationError):
            hand_in(bed.address("crepes.fr", "submission"), bed.ssl_context())
        assert bed.messages("bob@someschool.edu") == []


def test_who_does_not_know_the_authority_refuses_the_good_one_too() -> None:
    with open_lab(hosts=SECURE) as bed, pytest.raises(ssl.SSLCertVerificationError, match=r"local issuer|self-signed"):
        hand_in(bed.address("crepes.fr", "submission"), ssl.create_default_context())


@pytest.mark.parametrize(("trust", "works"), [(True, True), (False, False)])
def test_a_program_is_told_to_trust_it(trust: bool, works: bool) -> None:
    with open_lab(hosts=SECURE) as bed:
        outside = subprocess.run(
            [sys.executable, "-c", CLIENT],
            env=bed.environment(trust=trust), capture_output=True, text=True, check=False,
        )  # fmt: skip
        inside = bed.run([sys.executable, "-c", CLIENT], trust=trust)
    for ended in (outside, inside):
        assert (ended.stdout == "250\n") is works, ended.stderr
        assert ("CERTIFICATE_VERIFY_FAILED" in ended.stderr) is not works


def test_every_program_finds_the_certificate_of_the_authority() -> None:
    show = "import os; print(open(os.environ['TESTBED_CA']).read())"
    with open_lab(hosts=SECURE) as bed:
        assert bed.ca.read_text() in bed.run([sys.executable, "-c", show]).stdout
        assert bed.environment()["TESTBED_CA"] == str(bed.ca)
        assert bed.environment().get("SSL_CERT_FILE") == os.environ.get("SSL_CERT_FILE")


def test_a_lab_without_tls_has_none() -> None:
    with open_lab() as bed:
        assert "TESTBED_CA" not in bed.environment(trust=True)
        with pytest.raises(UsageError, match="say 'starttls: true' of the one that is to have one"):
            bed.ssl_context()
