"""Relays that sign what their users send, forward it, and expand lists."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Sequence

from testbed.protocols.address import domain_of
from testbed.protocols.header import header_field
from testbed.reproduce.answers import Asked
from testbed.reproduce.draft import Data, Draft
from testbed.reproduce.parties import Cast, Party
from testbed.reproduce.visits import Visit
from testbed.trace.analysis import Analysis
from testbed.trace.model.exchange import Transaction

_TAG = re.compile(r"(\w+)\s*=\s*([^;]*)")
_USUAL = {"selector": "s1", "key": "ed25519", "canonicalization": "relaxed/relaxed"}
_RSA_BITS = ((400, 2048), (200, 1024), (150, 768), (0, 512))  # octets of base64, and the bits of such a key


def signing(
    draft: Draft, cast: Cast, analysis: Analysis, questions: Sequence[Asked], visits: Sequence[Visit]
) -> set[str]:
    """Add it to relays; gives the names at which their keys are published."""
    names: set[str] = set()
    for relay in [party for party in cast.parties.values() if party.role == "relay"]:
        taken = [(v, t) for v in visits if v.server is relay for t in v.connection.transactions]
        sent = [(v, p, t) for v in visits if v.client is relay for p, t in enumerate(v.connection.transactions)]
        for visit, place, transaction in sent:
            before = [(v, t) for v, t in taken if v.start_ns <= visit.start_ns and _accepted(t)]
            came = [t for _, t in before if t.message_id and t.message_id == transaction.message_id]
            if (tags := _own_signature(transaction, came)) is not None and "dkim" not in draft.host(relay.name):
                name = f"{tags.get('s', 's1')}._domainkey.{tags.get('d', '')}".lower()
                answers = [one for one in questions if one.name == name and one.kind == "TXT"]
                draft.host(relay.name)["dkim"] = _dkim(cast, relay, tags, answers, _result(analysis, visit, place))
                names.add(name)
            if not came and transaction.sender:
                came = [t for _, t in before if not transaction.message_id and t.sender == transaction.sender]
            _passed_on(draft, cast, relay, came[-1:], transaction)
    return names


def _accepted(transaction: Transaction) -> bool:
    return any(to.accepted for to in transaction.recipients)


def _signatures(header: bytes) -> list[dict[str, str]]:
    text = re.sub(r"\r\n[ \t]+", " ", header.decode("latin-1"))
    lines = [line.partition(":")[2] for line in text.split("\r\n") if line.lower().startswith("dkim-signature")]
    return [{tag: re.sub(r"\s", "", value) for tag, value in _TAG.findall(line)} for line in lines]


def _own_signature(sent: Transaction, came: Sequence[Transaction]) -> dict[str, str] | None:
    """The signature that was not there when the message came."""
    if not came:
        return None
    before = [tags.get("b") for one in came for tags in _signatures(one.letter.header)]
    return next((tags for tags in _signatures(sent.letter.header) if tags.get("b") not in before), None)


def _result(analysis: Analysis, visit: Visit, place: int) -> str:
    account = analysis.authentication
    judged = account.of(visit.connection.number, place) if account is not None else None
    results = [check.result for check in judged.of("dkim")] if judged is not None else []
    return "pass" if "pass" in results else next(iter(results), "")


def _dkim(cast: Cast, relay: Party, tags: dict[str, str], answers: Sequence[Asked], result: str) -> object:
    told: Data = {"selector": tags.get("s", "s1")}
    if cast.names.domain(tags.get("d", relay.domain)) != relay.domain:
        told["domain"] = cast.names.domain(tags["d"])
    record = next((record.text for one in answers for record in one.records if record.kind == "TXT"), "")
    key = re.sub(r'["\s]', "", record).partition("p=")[2].partition(";")[0]
    if tags.get("a", "").startswith("rsa"):
        told["key"] = "rsa"
        told["bits"] = _bits(key, tags.get("b", ""))
        if told["bits"] == 2048:
            del told["bits"]
    told["canonicalization"] = tags.get("c", "simple/simple")
    if "l" in tags:
        told["length"] = True
    if answers:
        if not record and all(one.said in ("NOERROR", "NXDOMAIN") for one in answers):
            told["publish"] = "nothing"
        elif record and not key:
            told["publish"] = "revoked"
        elif result == "fail":
            told["publish"] = "another key"
    return {key: value for key, value in told.items() if _USUAL.get(key) != value} or True


def _bits(key: str, signature: str) -> int:
    """The length of an RSA key, as its signatures tell, or its record."""
    try:
        octets = len(b64decode(signature + "=" * (-len(signature) % 4)))
    except NotBase64:
        octets = 0
    if octets in (64, 96, 128, 256):
        return octets * 8
    return next(bits for least, bits in _RSA_BITS if len(key) >= least)


def _passed_on(draft: Draft, cast: Cast, relay: Party, came: Sequence[Transaction], sent: Transaction) -> None:
    """A message that came for a name of the relay's own, and went on to others."""
    asked = [name for one in came for name in _recipients(cast, one)]
    own = [name for name in asked if domain_of(name) == relay.domain and not name.upper().startswith("SRS0")]
    away = [name for name in _recipients(cast, sent) if name not in asked]
    if not own or not away:
        return
    local = own[0].rpartition("@")[0]
    host = draft.host(relay.name)
    boxes = host.get("mailboxes")
    if isinstance(boxes, list) and local in boxes:
        boxes.remove(local)
    if header_field(sent.letter.header, "List-Id"):
        _list(host, cast, local, own[0], came[0], sent, away)
    else:
        _forward(host, cast, local, own[0], came[0], sent, away)


def _recipients(cast: Cast, transaction: Transaction) -> list[str]:
    return [cast.names.address(to.address) for to in transaction.recipients if to.address]


def _forward(
    host: Data, cast: Cast, local: str, own: str, came: Transaction, sent: Transaction, away: Sequence[str]
) -> None:
    forward = host.setdefault("forward", {})
    assert isinstance(forward, dict)
    if local in forward:
        return
    told: Data = {"to": away[0]}
    if sent.sender.upper().startswith("SRS0"):
        told["srs"] = True
    told.update(_changed(cast, own, came, sent))
    if told.pop("munged", False):
        told["from"] = "own"
    if b"content-transfer-encoding: 8bit" in came.letter.header.lower() and b"8bit" not in sent.letter.header.lower():
        told["seven_bit"] = True
    forward[local] = told if len(told) > 1 else away[0]


def _list(
    host: Data, cast: Cast, local: str, own: str, came: Transaction, sent: Transaction, away: Sequence[str]
) -> None:
    lists = host.setdefault("lists", {})
    assert isinstance(lists, dict)
    spec = lists.setdefault(local, {"members": []})
    spec["members"] += [name for name in away if name not in spec["members"]]
    changed = _changed(cast, own, came, sent)
    if changed.pop("munged", False):
        spec["from"] = "munge"
    spec.update(changed)
    if sent.subject != came.subject and sent.subject.endswith(came.subject):
        spec["subject_tag"] = sent.subject[: -len(came.subject)].strip()
    if cast.names.address(sent.sender) == cast.names.address(came.sender):
        spec["return_path"] = "keep"
    elif "+" in sent.sender or "=" in sent.sender:
        spec["return_path"] = "verp"
    grown = sent.letter.octets - len(sent.letter.header) - (came.letter.octets - len(came.letter.header))
    if grown > 2:
        spec["footer"] = "The list\n"


def _changed(cast: Cast, own: str, came: Transaction, sent: Transaction) -> Data:
    told: Data = {}
    if b"\narc-seal:" in b"\n" + sent.letter.header.lower() and b"arc-seal:" not in came.letter.header.lower():
        told["arc"] = True
    if own in cast.names.text(sent.letter.author) and sent.letter.author != came.letter.author:
        told["munged"] = True
    return told
