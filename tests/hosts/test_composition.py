"""What a user agent composes, and what its readers make of it: attachments come out as they went in."""

from __future__ import annotations

from email import message_from_bytes, policy
from pathlib import Path

import pytest

from testbed.errors import StepError
from testbed.hosts.composition import compose, draft_of
from testbed.hosts.webmail import letter as letters
from testbed.protocols.attachments import attachments
from testbed.scenario.attachments import Attachment
from testbed.scenario.steps import SendStep

DATE, ID = "Mon, 1 Jan 2024 09:00:00 +0000", "<1@alice.crepes.fr>"


def composed(*attached: dict[str, object], folder: Path = Path()) -> bytes:
    step = SendStep.model_validate(
        {"kind": "send", "from": "alice@crepes.fr", "to": ["bob@someschool.edu"], "attach": list(attached)}
    )
    return compose(draft_of(step, folder), ID, DATE)


@pytest.mark.parametrize(
    ("attached", "kind", "octets"),
    [
        ({"name": "menu.pdf", "size": 20_000}, "application/pdf", 20_000),
        ({"name": "献立.txt", "content": "卵"}, "text/plain", 3),
        ({"name": "très long " * 15 + ".txt", "size": 100}, "text/plain", 100),
        ({"name": "page.html", "content": "<b>"}, "text/html", 3),
        ({"name": "old mail.eml", "content": "Subject: x\n\ny"}, "application/octet-stream", 13),
        ({"name": "all.tar.gz", "size": 0}, "application/octet-stream", 0),
        ({"name": 'a"b;c=\\d', "type": "image/png", "size": 10}, "image/png", 10),
    ],
)
def test_it_is_read_as_it_was_written(attached: dict[str, object], kind: str, octets: int) -> None:
    message = composed(attached)
    assert message.isascii()
    assert max(map(len, message.split(b"\r\n"))) <= 78 + 2
    [part] = message_from_bytes(message, policy=policy.default).iter_attachments()
    assert (part.get_filename(), part.get_content_type()) == (attached["name"], kind)
    assert len(part.get_payload(decode=True) or b"") == octets
    assert message == composed(attached)


def test_a_file_beside_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "menu.txt").write_bytes(b"\0\xff\n")
    [part] = message_from_bytes(
        composed({"file": "menu.txt"}, folder=tmp_path), policy=policy.default
    ).iter_attachments()
    assert part.get_payload(decode=True) == b"\0\xff\n"
    for name, said in (("none.txt", "no such file"), (".", "is a directory")):
        with pytest.raises(StepError, match=said):
            composed({"file": name, "name": "x"}, folder=tmp_path)


def test_a_name_that_would_lead_elsewhere_is_only_a_name() -> None:
    message = composed({"name": "../../etc/пароль.html", "content": "<script>alert(1)</script>"})
    [attached] = attachments(message)
    assert (attached.name, attached.kind, attached.octets) == ("пароль.html", "text/html", 25)
    parsed = letters.parse(message)
    shown = letters.letter(parsed, "/part?n=")
    assert shown.html == ""
    assert "script" not in shown.text
    [offered] = shown.attachments
    part = letters.part(parsed, offered.number)
    assert part is not None
    assert not part.picture
    assert letters.disposition(part.name) == (
        "attachment; filename=\"html\"; filename*=UTF-8''%D0%BF%D0%B0%D1%80%D0%BE%D0%BB%D1%8C.html"
    )


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"Content-Type: multipart/mixed\r\n\r\nno boundary",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n"
        b"Content-Disposition: attachment; filename*=no''%f\r\n\r\n",
        b"".join(b"Content-Type: multipart/mixed; boundary=x%d\r\n\r\n--x%d\r\n" % (n, n) for n in range(3_000)),
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\n" * 5_000,
    ],
)
def test_nothing_hostile_stops_the_look_at_attachments(message: bytes) -> None:
    assert len(attachments(message)) <= 500


def test_what_an_attachment_is_called_and_holds_is_said_once() -> None:
    for wrong, said in (
        ({"name": "x"}, "one of 'size', 'content' and 'file'"),
        ({"name": "x", "size": 1, "content": "y"}, "one of 'size', 'content' and 'file'"),
        ({"size": 1}, "needs a 'name'"),
    ):
        with pytest.raises(ValueError, match=said):
            Attachment.model_validate(wrong)
