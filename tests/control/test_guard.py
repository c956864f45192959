"""Whoever has not the token, or comes by another name, learns and does nothing; nothing hostile is a traceback."""

from __future__ import annotations

import socket

import pytest

from testbed.control.bodies import MOST_OCTETS
from testbed.control.operations import OPERATIONS
from tests.control.client import Client
from tests.patience import HANG_S

OWN = "127.0.0.1"
STRANGERS = [
    ({"Authorization": ""}, 401, "Authorization: Bearer TOKEN"),
    ({"Authorization": "Bearer "}, 401, "authenticate with"),
    ({"Authorization": "Bearer wrong"}, 401, "authenticate with"),
    ({"Authorization": "Basic dGVzdDp0ZXN0"}, 401, "authenticate with"),
    ({"Authorization": "Bearer \xff\xfe"}, 401, "authenticate with"),
    ({"Host": "evil.example"}, 421, "answers to no other name"),
    ({"Host": "evil.example:PORT"}, 421, "answers to no other name"),
    ({"Host": "127.0.0.1"}, 421, "answers to no other name"),
    ({"Host": "127.0.0.1:PORT.evil.example"}, 421, "answers to no other name"),
    ({"Origin": "http://evil.example"}, 403, "pages from other origins"),
    ({"Origin": "null"}, 403, "pages from other origins"),
    ({"Origin": "https://127.0.0.1:PORT"}, 403, "pages from other origins"),
]


@pytest.mark.parametrize(("headers", "status", "words"), STRANGERS, ids=lambda value: str(value))
def test_strangers_are_refused(client: Client, headers: dict[str, str], status: int, words: str) -> None:
    said = {name: value.replace("PORT", str(client.server.port)) for name, value in headers.items()}
    for method, path in (("GET", "/labs"), ("POST", "/labs"), ("GET", "/nothing")):
        answer = client.ask(method, path, headers=said)
        assert (answer.status, words in answer.json["detail"]) == (status, True), answer
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert client.done("GET", "/labs") == []


def test_no_operation_is_open_to_whoever_has_no_token(client: Client) -> None:
    for operation in OPERATIONS:
        path = operation.path
        for name in ("lab", "fault", "mailbox", "message"):
            path = path.replace(f"{{{name}}}", "1")
        assert client.ask(operation.method, path, headers={"Authorization": ""}).status == 401, path


def test_the_name_localhost_and_the_own_origin_are_good(client: Client) -> None:
    port = client.server.port
    own = {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"}
    assert client.ask("GET", "/labs", headers=own).status == 200


def test_what_needs_no_token_holds_no_secret(client: Client) -> None:
    for path in ("/", "/page.js", "/page.css", "/icon.svg", "/openapi.json"):
        answer = client.ask("GET", path, headers={"Authorization": ""})
        assert answer.status == 200, path
        assert client.server.token.encode() not in answer.content
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_only_this_machine_is_listened_to(client: Client) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.2", client.server.port))  # which would be taken if all addresses were


NO_BODIES = [
    (b"{", 400, "is not JSON"),
    (b"[]", 422, "is an object"),
    (b'"x"', 422, "is an object"),
    (b"\xff\xfe{}", 400, "is not UTF-8"),
    (b'{"scenario": NaN}', 400, "not a JSON number"),
    (b'{"scenario": "\\ud800\\n"}', 400, "half a character"),
    (b'{"scenario": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "nested too deeply"),
    (b'{"scenario": {"a":' * 200 + b"1" + b"}}" * 200, 400, "nested too deeply"),
    (b'{"scenario": ' + b"9" * 10_000 + b"}", 400, "is not JSON"),
    (b'{"scenario": "' + b"x" * MOST_OCTETS + b'"}', 413, "octets"),
    (b'{"scenario": "a: \\u0000\\n"}', 422, ""),
    (b'{"scenario": "/etc/passwd"}', 422, ""),
    (b'{"scenario": "/dev/zero"}', 422, ""),
    (b'{"scenario": "\\u0000"}', 422, ""),
    (b'{"scenario": "' + b"../" * 3_000 + b'"}', 422, ""),
    (b'{"scenario": "a: &a [*a]\\nb: *a\\n"}', 422, ""),
    (b'{"scenario": "title: \\"${x}\\"\\nlike: /etc/passwd\\n"}', 422, ""),
    (b'{"scenario": {"__class__": {}}}', 422, ""),
]


@pytest.mark.parametrize(("body", "status", "words"), NO_BODIES, ids=lambda value: repr(value)[:40])
def test_bodies_that_are_none_are_refused_in_a_sentence(
    client: Client, body: bytes, status: int, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = client.ask("POST", "/labs", body)
    assert (answer.status, answer.json["status"]) == (status, status), answer
    assert words in answer.json["detail"]
    assert "Traceback" not in answer.json["detail"]
    assert capfd.readouterr().err == ""
    assert client.done("GET", "/labs") == []


def test_a_body_of_another_kind_is_refused(client: Client) -> None:
    answer = client.ask("POST", "/labs", b"{}", {"Content-Type": "application/x-www-form-urlencoded"})
    assert (answer.status, "with curl, write --json" in answer.json["detail"]) == (415, True)
    assert client.ask("POST", "/labs", b"\0", {"Content-Type": "image/png"}).status == 415


PATHS = [
    "/labs/%00",
    "/labs/..%2f..%2fetc%2fpasswd",
    "/labs/" + "9" * 5_000,
    "/labs/%ff%fe",
    "/labs/1/faults/99999999999999",
    "//evil.example/",
    "/../../etc/passwd",
    "/page.js/../../labs.py",
    "/labs/1?after=-1",
    "/labs/1/mailboxes/%0d%0aX:y/messages",
]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:30])
def test_paths_that_lead_nowhere(client: Client, path: str, capfd: pytest.CaptureFixture[str]) -> None:
    answer = client.ask("GET", path)
    assert answer.status in (404, 405)
    assert capfd.readouterr().err == ""


RAW = [b"\0" * 100, b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 200_000 + b"\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01",
       b"POST /labs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
       b"POST /labs HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"]  # fmt: skip


@pytest.mark.parametrize("octets", RAW, ids=lambda octets: repr(octets)[:30])
def test_what_is_no_http_is_no_trouble(client: Client, octets: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_connection((OWN, client.server.port), timeout=HANG_S) as stranger:
        try:
            stranger.sendall(octets)
            stranger.shutdown(socket.SHUT_WR)
            heard = stranger.recv(65_536)
        except OSError:
            heard = b""
    assert heard == b"" or heard.split()[1][:1] == b"4"
    assert client.done("GET", "/labs") == []
    assert "Traceback" not in capfd.readouterr().err
