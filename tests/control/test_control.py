"""Labs by HTTP: brought up, disturbed, looked at, read, ended."""

from __future__ import annotations

import re
import smtplib
import threading
from email.message import EmailMessage
from pathlib import Path

import jsonschema
import pytest

from testbed.control.labs import MOST_OPEN
from testbed.control.openapi import openapi
from testbed.control.operations import OPERATIONS
from testbed.pcap.read import read_capture
from tests.control.client import BOB, Client
from tests.patience import HANG_S

pytestmark = pytest.mark.lab

FULL = {"at": "crepes.fr", "on": "RCPT", "reply": "452 4.3.1 Out of space"}
SUBMISSION = ("crepes.fr", "submission")


def place(client: Client, lab: str, host: str, service: str) -> tuple[str, int]:
    services = client.done("GET", lab)["services"]
    return next((one["address"], one["port"]) for one in services if (one["host"], one["name"]) == (host, service))


def hand_in(client: Client, lab: str, subject: str = "Lunch?") -> None:
    with smtplib.SMTP(*place(client, lab, *SUBMISSION), timeout=HANG_S) as smtp:
        smtp.sendmail("alice@crepes.fr", BOB, f"Subject: {subject}\r\n\r\nAt noon.\r\n")


def test_a_fault_is_set_and_lifted_while_mail_is_sent(client: Client) -> None:
    lab = client.open()
    fault = client.done("POST", f"{lab}/faults", FULL)
    assert fault == {
        "number": 1, "description": "crepes.fr answers RCPT with 452 4.3.1 Out of space", "lifted": False
    }  # fmt: skip
    with pytest.raises(smtplib.SMTPRecipientsRefused, match=r"452"):
        hand_in(client, lab)
    client.done("DELETE", f"{lab}/faults/1")
    client.done("DELETE", f"{lab}/faults/1")  # which is no mistake
    assert client.done("GET", f"{lab}/faults")[0]["lifted"]
    hand_in(client, lab)
    [message] = client.done("GET", f"{lab}/mailboxes/{BOB}/messages")
    assert (message["subject"], message["text"]) == ("Lunch?", "At noon.\r\n")
    verdicts = client.done("POST", f"{lab}/end")
    assert (verdicts["result"], verdicts["so_far"]) == ("held", False)


def test_time_moves_on_and_queues_are_seen(client: Client) -> None:
    lab = client.open(scenario={"hosts": {"someschool.edu": {"mailboxes": {"bob": {"quota": "1 KB"}}}}})
    client.done("POST", f"{lab}/faults", {"mailbox": BOB, "is": "full", "until": "1h"})
    client.done("POST", f"{lab}/steps", {"send": {"to": BOB, "subject": "Dinner?"}})
    client.done("POST", f"{lab}/settle")
    relay = next(host for host in client.done("GET", lab)["hosts"] if host["name"] == "crepes.fr")
    [queued] = relay["queue"]
    assert (queued["recipient"], queued["attempts"]) == (BOB, 1)
    before = client.done("GET", lab)["seconds"]
    client.done("POST", f"{lab}/wait", {"duration": "5h"})
    after = client.done("GET", lab)
    assert after["seconds"] - before >= 5 * 3_600
    assert [box for host in after["hosts"] for box in host["mailboxes"] if box["address"] == BOB] == [
        {"address": BOB, "messages": 1}
    ]
    client.done("DELETE", f"{lab}/mailboxes/{BOB}/messages")
    assert client.done("GET", f"{lab}/mailboxes/{BOB}/messages") == []


def test_the_log_is_told_from_where_somebody_has_read_it(client: Client) -> None:
    lab = client.open()
    first = client.done("GET", lab)["log"]
    client.done("POST", f"{lab}/faults", FULL)
    news = client.done("GET", f"{lab}?after={first[-1]['number']}")["log"]
    assert [line["event"] for line in news] == ["fault-set"]
    assert news[0]["message"] == "fault 1 is set: crepes.fr answers RCPT with 452 4.3.1 Out of space"


def test_what_is_found_so_far_says_so(client: Client) -> None:
    expect = [{"delivered": {"to": BOB}}]
    lab = client.open(scenario={"expect": expect})
    assert [(one["held"]) for one in client.done("GET", f"{lab}/verdicts")["expectations"]] == [False]
    hand_in(client, lab)
    client.done("POST", f"{lab}/settle")
    verdicts = client.done("GET", f"{lab}/verdicts")
    assert verdicts["so_far"]
    assert [one["held"] for one in verdicts["expectations"]] == [True]
    client.done("POST", f"{lab}/faults", FULL)
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        hand_in(client, lab)
    client.done("POST", f"{lab}/wait", {"duration": "1m"})
    found = client.done("GET", f"{lab}/findings")
    assert found["so_far"]
    assert [(one["code"], one["certain"]) for one in found["findings"]] == [("disk-full", True)]
    client.done("POST", f"{lab}/end")
    assert not client.done("GET", f"{lab}/findings")["so_far"]


def test_trace_and_report_are_downloaded_before_and_after_the_end(client: Client, tmp_path: Path) -> None:
    lab = client.open()
    hand_in(client, lab, "Cheese")
    client.done("POST", f"{lab}/settle")
    sizes = []
    for _ in range(2):
        trace = client.ask("GET", f"{lab}/trace")
        assert re.fullmatch(r'attachment; filename="[\w.-]+\.pcapng"', trace.headers["Content-Disposition"])
        (tmp_path / "down.pcapng").write_bytes(trace.content)
        sizes.append(len(read_capture(tmp_path / "down.pcapng").time_ns))
        report = client.ask("GET", f"{lab}/report")
        assert report.headers["Content-Type"].startswith("text/html")
        assert b"Cheese" in report.content
        client.done("POST", f"{lab}/end")
    assert 0 < sizes[0] <= sizes[1]
    client.done("DELETE", lab)
    assert client.ask("GET", lab).status == 404


def test_a_message_is_read_whole(client: Client) -> None:
    lab = client.open()
    message = EmailMessage()
    message["Subject"] = "Grüße"
    message["From"], message["To"] = "Alice <alice@crepes.fr>", BOB
    message.set_content("In plain words")
    message.add_alternative("<p>In <b>bold</b> words</p>", subtype="html")
    message.add_attachment(b"\0\1\2", "image", "png", filename="way.png")
    with smtplib.SMTP(*place(client, lab, *SUBMISSION), timeout=HANG_S) as smtp:
        smtp.send_message(message)
    [seen] = client.done("GET", f"{lab}/mailboxes/{BOB}/messages")
    assert (seen["subject"], seen["sender"], seen["to"]) == ("Grüße", "Alice <alice@crepes.fr>", BOB)
    assert (seen["text"].strip(), seen["html"].strip()) == ("In plain words", "<p>In <b>bold</b> words</p>")
    assert seen["attachments"] == [{"name": "way.png", "media_type": "image/png", "octets": 3}]
    source = client.ask("GET", f"{lab}/mailboxes/{BOB}/messages/1")
    assert source.headers["Content-Type"] == "message/rfc822"
    assert b"\r\nFrom: Alice <alice@crepes.fr>\r\n" in source.content
    assert len(source.content) == seen["octets"]


def test_labs_come_from_the_catalogue_from_yaml_and_from_json(client: Client) -> None:
    assert client.done("POST", "/labs", {"scenario": "@catalogue/delivered"})["title"] == "Mail is delivered"
    yaml = b"title: By YAML\nhosts:\n  someschool.edu: {mailboxes: [bob]}\n"
    answer = client.ask("POST", "/labs", yaml, {"Content-Type": "application/yaml"})
    assert (answer.status, answer.json["title"]) == (201, "By YAML")
    assert client.done("POST", "/labs", {"scenario": {"title": "By JSON"}})["title"] == "By JSON"
    assert [lab["state"] for lab in client.done("GET", "/labs")] == ["open"] * 3


def test_programs_are_told_where_services_are(client: Client) -> None:
    lab = client.open(scenario={"hosts": {"crepes.fr": {"starttls": True}}})
    told = client.done("GET", f"{lab}/environment")
    assert told["certificate"].startswith("-----BEGIN CERTIFICATE-----")
    address, port = place(client, lab, *SUBMISSION)
    assert told["variables"]["TESTBED_SUBMISSION_HOST"] == address
    assert told["variables"]["TESTBED_SUBMISSION_PORT"] == str(port)
    assert {one["address"]: one["password"] for one in client.done("GET", f"{lab}/mailboxes")}[BOB] == "secret"


def test_several_clients_ask_at_once(client: Client) -> None:
    lab = client.open()
    answers: list[int] = []

    def ask(number: int) -> None:
        path, body = [("/wait", {"duration": "1h"}), ("/settle", None), ("/steps", {"send": {"to": BOB}})][number % 3]
        answers.append(client.ask("POST", lab + path, body).status)
        answers.append(client.ask("GET", lab).status)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] * 9 + [204] * 9
    assert len(client.done("GET", f"{lab}/mailboxes/{BOB}/messages")) == 3


MISTAKES = [
    ("GET", "/labs/99", None, 404, "there is no lab '99'"),
    ("GET", "/nothing", None, 404, "there is nothing at this path"),
    ("PUT", "/labs", None, 405, "this path takes another method"),
    ("POST", "/labs", {"scenario": "nowhere.yaml"}, 422, "there is no such file"),
    ("POST", "/labs", {"scenario": "@catalogue/mailbox-ful"}, 422, "did you mean '@catalogue/mailbox-full'"),
    ("POST", "/labs", {"scenario": {"hosts": {"x.example": {"role": "king"}}}}, 422, "king"),
    ("POST", "/labs", {"scenari": ""}, 422, "scenari"),
    ("POST", "/labs", {"scenario": 7}, 422, "scenario"),
    ("POST", "LAB/faults", {}, 422, "a fault says where"),
    ("POST", "LAB/faults", {"host": "someschool.edu", "is": "asleep"}, 422, "silent"),
    ("POST", "LAB/faults", {**FULL, "connection": 2}, 422, "'connection' counts from the start of a lab"),
    ("DELETE", "LAB/faults/7", None, 404, "no fault with the number 7"),
    ("DELETE", "LAB/faults/x", None, 422, "a whole number"),
    ("POST", "LAB/wait", {}, 422, "duration"),
    ("POST", "LAB/wait", {"duration": "soon"}, 422, "soon"),
    ("POST", "LAB/steps", {"sing": {}}, 422, "sing"),
    ("POST", "LAB/steps", {"send": {"to": "nobody"}}, 422, "nobody"),
    ("GET", "LAB/mailboxes/nobody@nowhere.example/messages", None, 404, "no host has the mailbox"),
    ("DELETE", "LAB/mailboxes/nobody@nowhere.example/messages", None, 404, "no host has the mailbox"),
    ("GET", f"LAB/mailboxes/{BOB}/messages/5", None, 404, "has 0 messages"),
    ("GET", f"LAB/mailboxes/{BOB}/messages?folder=Nowhere", None, 409, "cannot be read"),
    ("GET", "LAB?after=soon", None, 422, "a whole number"),
]


def test_mistakes_are_told_in_a_sentence(client: Client) -> None:
    lab = client.open()
    for method, path, body, status, words in MISTAKES:
        answer = client.ask(method, path.replace("LAB", lab), body)
        assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json"), (path, answer)
        assert words in answer.json["detail"], (path, answer.json)
        assert answer.json["status"] == status


def test_a_lab_that_has_ended_does_nothing_more(client: Client) -> None:
    lab = client.open()
    client.done("POST", f"{lab}/end")
    client.done("POST", f"{lab}/end")  # which is no mistake
    for path, body in (("/faults", FULL), ("/wait", {"duration": "1h"}), ("/settle", None)):
        answer = client.ask("POST", lab + path, body)
        assert (answer.status, "has ended" in answer.json["detail"]) == (409, True)
    assert client.done("GET", lab)["state"] == "ended"


def test_so_many_labs_and_no_more(client: Client) -> None:
    for _ in range(MOST_OPEN):
        client.open(scenario={"title": "One of many"})
    answer = client.ask("POST", "/labs", {})
    assert (answer.status, "labs are open" in answer.json["detail"]) == (409, True)
    client.done("DELETE", "/labs/1")
    client.open()


def test_answers_are_as_the_openapi_document_says(client: Client) -> None:
    document = openapi()
    lab = client.open(scenario={"hosts": {"crepes.fr": {"starttls": True}}, "expect": [{"delivered": {"to": BOB}}]})
    client.done("POST", f"{lab}/faults", {**FULL, "times": 1})
    client.done("POST", f"{lab}/steps", {"send": {"to": BOB}})
    for operation in OPERATIONS:
        if operation.method != "GET" or operation.media != "application/json":
            continue
        path = operation.path.replace("/labs/{lab}", lab).replace("{mailbox}", BOB)
        content = document["paths"][operation.path]["get"]["responses"]["200"]["content"]["application/json"]
        schema = {**content["schema"], "components": document["components"]}
        jsonschema.Draft202012Validator(schema).validate(client.done("GET", path))
