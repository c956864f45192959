"""The pages of the web mail, over HTTP, with a real mailbox behind them."""

from __future__ import annotations

import asyncio
import re
from html import unescape

import pytest

from testbed.hosts.reading.web_client import VisitFailed, visit
from tests.hosts.webmail.conftest import BOB, PASSWORD, Web


def mail(subject: str = "Lunch?", body: str = "At noon?", more: str = "") -> str:
    return (
        f"From: Alice <alice@crepes.fr>\nTo: {BOB}\nSubject: {subject}\nDate: Tue, 06 Jan 2026 12:00:00 +0100\n"
        f"Message-ID: <{abs(hash(subject))}@crepes.fr>\n{more}\n{body}\n"
    )


def links(text: str) -> list[str]:
    return [unescape(found) for found in re.findall(r'<a href="(/message\?[^"]+)">', text)]


def newest(web: Web) -> str:
    web_page = web.get(links(web.get("/mail").text)[0])
    assert web_page.status == 200
    return web_page.text


# -- logging in -------------------------------------------------------------------------------------


def test_whoever_is_not_logged_in_is_led_to_the_login(web: Web) -> None:
    for path in ("/", "/mail", "/message?uid=1", "/compose", "/part?uid=1&number=0"):
        assert web.get(path).address.endswith("/login")


def test_a_wrong_password_is_refused_and_the_name_kept(web: Web) -> None:
    page = web.post("/login", token=web.get("/login").token, user=BOB, password="wrong")
    assert page.status == 403
    assert "The name or the password is wrong." in page.text
    assert f'value="{BOB}"' in page.text
    assert web.get("/mail").address.endswith("/login")


def test_a_login_form_of_another_site_is_refused(web: Web) -> None:
    web.get("/login")
    assert web.post("/login", token="guessed", user=BOB, password=PASSWORD).status == 403
    assert web.get("/mail").address.endswith("/login")


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(web: Web) -> None:
    login = web.get("/login")
    assert "HttpOnly" in login.headers["set-cookie"]
    assert "SameSite=strict" in login.headers["set-cookie"]


def test_logging_out_ends_it(web: Web) -> None:
    page = web.log_in()
    assert web.post("/logout", token=page.token).address.endswith("/login")
    assert web.get("/mail").address.endswith("/login")


# -- reading ----------------------------------------------------------------------------------------


def test_the_inbox_lists_the_newest_first(web: Web) -> None:
    for number in range(3):
        web.put(mail(f"Number {number}"))
    page = web.log_in()
    assert re.findall(r"Number \d", re.sub(r'aria-label="[^"]*"', "", page.text)) == [
        "Number 2",
        "Number 1",
        "Number 0",
    ]
    assert "3 messages" in page.text
    assert page.text.count('class="unread"') == 3


def test_pages_of_twenty_five(web: Web) -> None:
    for number in range(30):
        web.put(mail(f"Number {number:02}"))
    first = web.log_in()
    assert len(links(first.text)) == 25
    assert "1 of 2" in first.text
    second = web.get("/mail", page="2")
    assert len(links(second.text)) == 5
    assert "Number 00" in second.text
    assert len(links(web.get("/mail", page="99").text)) == 5  # beyond the last is the last


def test_reading_marks_as_read_and_leads_on(web: Web) -> None:
    for number in range(3):
        web.put(mail(f"Number {number}", f"Text {number}"))
    web.log_in()
    middle = web.get(links(web.get("/mail").text)[1]).text
    assert "Text 1" in middle
    assert 'rel="prev">Newer' in middle
    assert 'rel="next">Older' in middle
    assert web.get("/mail").text.count('class="unread"') == 2


def test_search_finds_words_also_beyond_ascii(web: Web) -> None:
    web.put(mail("One", "about crêpes", "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n"))
    web.put(mail("Two", "about bread"))
    web.log_in()
    assert len(links(web.get("/mail", q="bread").text)) == 1
    assert "Nothing is found." in web.get("/mail", q="nowhere").text
    assert web.get("/mail", q="crêpes").status == 200


@pytest.mark.parametrize(
    "sign", ["(", ")", "*", "%", "{3}", "{3+}", "{3", '"', "\\", '\\"', "&", "[", "NIL", "~{1}", "OR"]
)
def test_search_looks_for_signs_as_for_words(web: Web, sign: str) -> None:
    web.put(mail("With", f"around {sign} it"))
    web.put(mail("Without", "nothing"))
    web.log_in()
    page = web.get("/mail", q=sign)
    assert page.status == 200
    assert len(links(page.text)) == 1
    assert "With" in page.text


@pytest.mark.parametrize("query", ['"x" OR ALL\r\na9 LOGOUT', "x\na9 LOGOUT", "\x0b{3+}\r\n", "x\x1fy\x85z"])
def test_no_command_is_slipped_into_a_search(web: Web, query: str) -> None:
    web.put(mail())
    web.log_in()
    page = web.get("/mail", q=query)
    assert page.status == 200
    assert "Nothing is found." in page.text


@pytest.mark.parametrize(
    "name",
    [
        f"{BOB}\r\na9 LOGOUT",
        f'{BOB}" "{PASSWORD}"\r\na9 NOOP "',
        f"{BOB}\na9 LOGIN {BOB} {PASSWORD}",
        "{3}",
        "{3+}\r\nbob",
        "bob\0",
        "größe",
    ],
)
def test_no_command_is_slipped_into_a_login(web: Web, name: str) -> None:
    for form in ({"user": name, "password": PASSWORD}, {"user": BOB, "password": name}):
        page = web.post("/login", token=web.get("/login").token, **form)
        assert page.status == 403
        assert "The name or the password is wrong." in page.text
    assert web.log_in().status == 200


def test_move_delete_and_mark(web: Web) -> None:
    for number in range(3):
        web.put(mail(f"Number {number}"))
    page = web.log_in()
    uids = re.findall(r'name="uid" value="(\d+)"', page.text)
    web.post("/act", token=page.token, folder="INBOX", deed="move", to="Archive", uid=uids[0])
    web.post("/act", token=page.token, folder="INBOX", deed="delete", uid=uids[1:2])
    web.post("/act", token=page.token, folder="INBOX", deed="read", uid=uids[2:])
    inbox = web.get("/mail").text
    assert len(links(inbox)) == 1
    assert 'class="unread"' not in inbox
    assert "Number 2" in web.get("/mail", folder="Archive").text
    trash = web.get("/mail", folder="Trash").text
    assert "Number 1" in trash
    [uid] = re.findall(r'name="uid" value="(\d+)"', trash)
    web.post("/act", token=page.token, folder="Trash", deed="delete", uid=uid)
    assert "There is no mail here." in web.get("/mail", folder="Trash").text


# -- hostile mail -----------------------------------------------------------------------------------


HOSTILE = """<html><head><style>@import url(http://evil.example/x.css)</style><title>x</title></head>
<body onload="alert(1)"><script>alert(2)</script><p style="background:url(http://evil.example/a)">Hello</p>
<img src="http://evil.example/pixel.gif"><img src="//evil.example/p"><img src=x onerror=alert(3)>
<a href="javascript:alert(4)">one</a> <a href="http://good.example/">two</a><a href="data:text/html,x">three</a>
<form action="http://evil.example/"><input name=password><button>Go</button></form><iframe src="http://evil.example/">
</iframe><svg onload=alert(5)><a xlink:href="javascript:alert(6)">x</a></svg><meta http-equiv=refresh content="0;url=http://evil.example/">
<base href="http://evil.example/"><link rel=stylesheet href="http://evil.example/y.css"><object data=x></object>
<div class="bar" id="main">look-alike</div></body></html>"""


def test_html_is_cleaned_of_all_that_runs_or_is_fetched(web: Web) -> None:
    web.put(mail(body=HOSTILE, more="Content-Type: text/html\n"))
    web.log_in()
    text = newest(web)
    [shown] = re.findall(r'<div class="html">(.*?)</div>\s*<', text, re.S)
    assert "Hello" in shown
    assert 'href="http://good.example/"' in shown
    assert 'rel="noopener noreferrer nofollow"' in shown
    for word in ("script", "alert", "evil", "style", "onload", "onerror", "<form", "<iframe", "<svg", "<meta", "<base"):
        assert word not in shown
    assert 'class="bar"' not in shown
    assert "3 pictures are not loaded" in text


def test_the_policy_forbids_it_again(web: Web) -> None:
    web.put(mail())
    for page in (web.log_in(), web.get("/mail"), web.get("/compose"), web.get("/nowhere")):
        assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
        assert "script-src" not in page.headers["content-security-policy"]
        assert page.headers["x-content-type-options"] == "nosniff"
        assert "<script" not in page.text
        assert not re.search(r"<[a-z]+ [^>]*\bon[a-z]+=", page.text)


@pytest.mark.parametrize("field", ["Subject", "From", "To", "Cc"])
def test_headers_are_escaped(web: Web, field: str) -> None:
    web.put(f'{field}: "<script>alert(1)</script>" <a@crepes.fr>\n\nHello\n')
    page = web.log_in()
    for text in (page.text, newest(web)):
        assert "<script>" not in text
    assert "&lt;script&gt;" in newest(web)


def test_plain_text_is_escaped_and_keeps_its_lines(web: Web) -> None:
    web.put(mail(body="one <b>bold</b>\n\n  two & three"))
    web.log_in()
    assert "one &lt;b&gt;bold&lt;/b&gt;\n\n  two &amp; three" in newest(web).replace("\r\n", "\n")


@pytest.mark.parametrize(
    "raw",
    [
        b"\n",
        b"Content-Type: multipart/mixed; boundary=\n\nx\n",
        b"Content-Type: text/plain; charset=no-such\nSubject: =?no-such?q?x?=\n\n\xff\xfe\n",
        b"Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\n!!!\n",
        b"Date: yesterday\nFrom: @@@\nTo: <<<\nSubject: =?utf-8?b?!!!?=\n\nx\n",
        b"Content-Type: " + b"multipart/mixed; boundary=a\n\n--a\nContent-Type: " * 50 + b"text/plain\n\nx\n",
        b"Content-Disposition: attachment; filename*=no-such''%ff; filename*0=a; filename*1*=b\n\nx\n",
    ],
)
def test_what_is_hardly_a_message_is_shown_somehow(web: Web, raw: bytes) -> None:
    web.put(raw)
    web.log_in()
    assert "<h1>" in newest(web)


ATTACHED = """MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/html

<p>See <img src="cid:dot@here" alt="dot"></p>
--b
Content-Type: image/png
Content-ID: <dot@here>
Content-Transfer-Encoding: base64

iVBORw0KGgo=
--b
Content-Type: text/html
Content-Disposition: attachment; filename="../../evil\\".html"

<script>alert(1)</script>
--b--
"""


def test_attachments_are_saved_never_shown(web: Web) -> None:
    head, _, body = ATTACHED.partition("\n\n")
    web.put(mail(body=body, more=head + "\n"))
    web.log_in()
    text = newest(web)
    saved = [unescape(found) for found in re.findall(r'href="(/part\?[^"]+)" download', text)]
    assert len(saved) == 2
    page = web.get(saved[1])
    assert page.headers["content-type"] == "application/octet-stream"
    assert page.headers["content-disposition"].startswith('attachment; filename="evil')
    assert ".." not in page.headers["content-disposition"]
    assert page.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.content.strip() == b"<script>alert(1)</script>"
    [picture] = [unescape(found) for found in re.findall(r'<img[^>]* src="([^"]+)"', text)]
    shown = web.get(picture)
    assert shown.headers["content-type"] == "image/png"
    assert shown.content == b"\x89PNG\r\n\x1a\n"


# -- writing ----------------------------------------------------------------------------------------


def test_a_message_is_sent_and_kept(web: Web) -> None:
    token = web.log_in().token
    page = web.post("/compose", token=token, to="Carol <carol@someschool.edu>", subject="Crêpes", body="À midi?\r\nBob")
    assert page.address.endswith("/mail?folder=Sent")
    assert "Crêpes" in page.text
    [received] = web.smtp.messages("carol")
    assert b"To: Carol <carol@someschool.edu>" in received
    assert f"From: {BOB}".encode() in received
    assert b"Return-Path: <bob@someschool.edu>" in received


def test_an_answer_quotes_and_names_what_it_answers(web: Web) -> None:
    web.put(mail("Lunch?", "At noon?", "Reply-To: carol@someschool.edu\nReferences: <first@crepes.fr>\n"))
    web.log_in()
    text = newest(web)
    [reply] = [unescape(found) for found in re.findall(r'href="(/compose\?[^"]+)"', text)]
    form = web.get(reply)
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form.text))
    assert fields["to"] == "carol@someschool.edu"
    assert fields["subject"] == "Re: Lunch?"
    assert "&gt; At noon?" in form.text
    sent = {name: unescape(value) for name, value in fields.items()}
    web.post("/compose", **sent, body="Yes.")
    [received] = web.smtp.messages("carol")
    assert b"In-Reply-To: <" in received
    assert b"References: <first@crepes.fr> <" in received


@pytest.mark.parametrize(
    ("to", "complaint"),
    [
        ("", "Say to whom it goes."),
        ("nobody", "is not an address"),
        ("a@b\r\nBcc: c@d", 'role="alert"'),
        ("nobody@someschool.edu", "550 5.1.1 User unknown"),
        ("alice@crepes.fr", "550 5.7.1 Relaying denied"),
    ],
)
def test_what_is_not_sent_stays_in_the_form(web: Web, to: str, complaint: str) -> None:
    token = web.log_in().token
    page = web.post("/compose", token=token, to=to, subject="Kept", body="Kept <text>")
    assert page.status >= 400
    assert complaint in page.text
    assert 'value="Kept"' in page.text
    assert "Kept &lt;text&gt;" in page.text


def test_header_lines_cannot_be_slipped_in(web: Web) -> None:
    token = web.log_in().token
    web.post("/compose", token=token, to="carol@someschool.edu", subject="x\r\nBcc: fay@someschool.edu", body="x")
    [received] = web.smtp.messages("carol")
    assert b"\nBcc:" not in received


def test_nor_by_an_encoded_word_in_what_is_answered(web: Web) -> None:
    """Whoever wrote the message has encoded it twice, so that the form holds it encoded once."""
    web.put(mail("=?utf-8?q?=3D=3Futf-8=3Fq=3Fx=3D0D=3D0ABcc=3A=5Ffay=40someschool.edu=3F=3D?="))
    web.log_in()
    [reply] = [unescape(found) for found in re.findall(r'href="(/compose\?[^"]+)"', newest(web))]
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', web.get(reply).text))
    assert "=?utf-8?q?x=0D=0ABcc:_fay@someschool.edu?=" in unescape(fields["subject"])
    web.post("/compose", **{name: unescape(value) for name, value in fields.items()} | {"to": "carol@someschool.edu"})
    [received] = web.smtp.messages("carol")
    assert b"\nBcc:" not in received


@pytest.mark.parametrize("path", ["/logout", "/act", "/compose"])
def test_forms_of_other_sites_are_refused(web: Web, path: str) -> None:
    web.put(mail())
    web.log_in()
    for form in ({}, {"token": ""}, {"token": "guessed"}):
        page = web.post(path, **form, deed="delete", uid="1", to="carol@someschool.edu", body="x")
        assert page.status == 403
        assert "does not come from a page of yours" in page.text
    assert web.smtp.messages("carol") == []
    assert len(links(web.get("/mail").text)) == 1


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/message?uid=999", 404),
        ("/message?uid=x", 400),
        ("/message", 400),
        ("/part?uid=1&number=99999999999", 400),
        ("/mail?page=-1", 400),
        ("/mail?folder=Nowhere", 404),
        ("/mail?folder=%0d%0aA1%20LOGOUT", 404),
        ("/nowhere", 404),
    ],
)
def test_impossible_addresses(web: Web, path: str, status: int) -> None:
    web.log_in()
    page = web.get(path)
    assert page.status == status
    assert "Traceback" not in page.text


def test_a_form_without_end_is_refused(web: Web) -> None:
    web.log_in()
    assert web.post("/compose", body="x" * 3_000_000).status == 413


# -- the visit of a scenario's reader ---------------------------------------------------------------


def test_a_visit_reads_the_newest(web: Web) -> None:
    web.put(mail("Old"))
    web.put(mail("New", "Hello\nBob"))
    port = int(web.url.rpartition(":")[2])
    seen = asyncio.run(visit("127.0.0.1", "127.0.0.1", "mail.someschool.edu", BOB, PASSWORD, port))
    assert (seen.messages, seen.subject, seen.text.split()) == (2, "New", ["Hello", "Bob"])


def test_a_visit_to_an_empty_mailbox(web: Web) -> None:
    port = int(web.url.rpartition(":")[2])
    assert asyncio.run(visit("127.0.0.1", None, "x", BOB, PASSWORD, port)).messages == 0


def test_a_visit_with_a_wrong_password_fails(web: Web) -> None:
    port = int(web.url.rpartition(":")[2])
    with pytest.raises(VisitFailed, match=r"says: The name or the password is wrong\."):
        asyncio.run(visit("127.0.0.1", None, "mail.someschool.edu", BOB, "wrong", port))
