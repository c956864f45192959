"""docs/spoofing-compared.md: who takes which of the messages of ``scenarios/spoofing/composition.yaml``, and for whose.

``python -m tests.lab.catalogue.spoofing`` prints the page, made from docs/compared/spoofing.json; with ``play``, who is
here plays first, and what comes of it is stored there.  Another program is a row of PLAYERS.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from email import message_from_string
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from testbed.authentication.results import read
from testbed.lab import preload, run
from testbed.outcome import conclude
from testbed.protocols import events
from testbed.runner import Runner
from testbed.scenario.as_yaml import as_yaml
from testbed.scenario.document import read_document
from testbed.scenario.load import load_cases, parse
from testbed.scenario.scenario import Scenario
from testbed.scenario.steps import TalkStep
from testbed.scenario.talk import LineSaid, OctetsSaid
from testbed.subjects.installed import find, why_not
from testbed.subjects.subject import subjects
from testbed.trace.analysis import Analysis
from testbed.trace.model.exchange import Transaction
from testbed.trace.model.log import of
from tests.conftest import PROJECT

DATA = PROJECT / "docs" / "compared" / "spoofing.json"
_SCENARIO = PROJECT / "scenarios" / "spoofing" / "composition.yaml"
_RECEIVER, _BOX, _MALLORY = "someschool.edu", "bob", "mallory.example"


@dataclass(frozen=True, slots=True)
class Player:
    """``program`` is a ready-made receiver, ``""`` for the lab's own.

    ``refusal`` finds what failed, and for which domain, in the reply that refused a message or in what the program
    prints of it; ``{id}`` stands for the message's number.
    """

    name: str
    program: str = ""
    refusal: str = ""


PLAYERS = (
    Player("ours"),
    Player(
        "OpenDMARC",
        "postfix-opendmarc",
        r"rejected by (?P<what>DMARC) policy for (?P<domain>\S+)"
        r"|(?P<of>SPF) fail .*?[?;&]id=(?:[^;&]*@)?(?P<name>[^;&]+)",
    ),
    Player(
        "Rspamd", "postfix-rspamd", r"id: <trust-{id}@.*?(?P<what>DMARC)_POLICY_REJECT\([\d.]+\)\{{(?P<domain>[\w.-]+)"
    ),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """What became of one message: ``accepted``, ``marked`` (taken, and DMARC said to fail) or ``refused``.

    ``reply`` is the command and the status that refused it.  ``said`` is what the program said of DMARC and of whom, or
    of SPF where that refused it; ``""`` where it said nothing.
    """

    fate: str
    reply: str = ""
    said: str = ""


@cache
def cases() -> tuple[Scenario, ...]:
    """The messages, a scenario each."""
    return tuple(load_cases(_SCENARIO))


def tricks() -> list[str]:
    """What each of them does."""
    return [case.title.partition(": ")[2] for case in cases()]


def scenario(player: Player) -> Scenario:
    """All messages in one lab."""
    said = read_document(str(_SCENARIO), _SCENARIO.read_text("utf-8")).data
    assert isinstance(said, dict)
    hosts = said["hosts"]
    if player.program:
        hosts = {**hosts, _RECEIVER: {"program": player.program}}
    steps: list[object] = [{"talk": _talk(case, number)} for number, case in enumerate(cases())]
    if player.program:
        shown = f"sh -c 'cat {{mailboxes}}/{_BOX}/new/*'"
        steps += [{"wait": "1m"}, {"run": {"command": shown, "on": _RECEIVER}}]
    title = f"Mallory claims to be the bank, {len(cases())} times"
    expect = [{"reply": {"from": _RECEIVER, "on": "DATA", "code": 354}}]
    return parse(as_yaml({"title": title, "hosts": hosts, "steps": steps, "expect": expect}))


def _talk(case: Scenario, number: int) -> object:
    """One message, with an id of its own; who is refused before it says no more."""
    [step] = case.steps
    assert isinstance(step, TalkStep)
    say: list[object] = []
    for saying in step.say:
        if isinstance(saying, OctetsSaid):
            say.append({"octets": saying.octets.replace("<trust@", f"<trust-{number}@")})
        else:
            words = saying.words if isinstance(saying, LineSaid) else saying
            say.append({"line": words, "reply": 354} if words == "DATA" else words)
    return {"from": step.sender, "to": step.to, "say": say}


def played(player: Player, folder: Path) -> list[Cell]:
    """What became of each message."""
    given = scenario(player)
    preload([given])
    [found] = Runner(run, jobs=1).run([(given, folder / "trace.pcapng")])
    analysis = conclude(found).analysis
    assert analysis is not None, found.error or found.skipped
    return list(_cells(player, analysis))


def _cells(player: Player, analysis: Analysis) -> Iterator[Cell]:
    brought = [one for one in analysis.connections if one.client.label == _MALLORY and one.transactions]
    assert len(brought) == len(cases())
    judged, delivered = _judged(analysis), _delivered(analysis)
    for number, connection in enumerate(brought):
        reply, text = _refusal(connection.transactions[0])
        if not player.program:
            said = judged[number]
        else:
            said = _refused(player, number, text, analysis) if reply else delivered[number]
        fate = "refused" if reply else "marked" if said.startswith("DMARC fail") else "accepted"
        yield Cell(fate, reply, said)


def _refusal(transaction: Transaction) -> tuple[str, str]:
    """Command, status and text of the reply that refused a message, nothing where it was taken."""
    [recipient] = transaction.recipients
    reply = recipient.decisive
    assert reply is not None
    if recipient.accepted:
        return "", ""
    return f"{'RCPT' if recipient.refused else 'message'} {reply.status}", reply.text


def _judged(analysis: Analysis) -> list[str]:
    """What the lab's own receiver found of each message, in their order."""
    found = (one.event for one in of(analysis.log, events.Authenticated))
    return [_words("DMARC", one.dmarc, one.domain) for one in found]


def _words(what: str, result: str, domain: str) -> str:
    return f"{what} {result}" + (f" for {domain.lower()}" if domain else "")


def _delivered(analysis: Analysis) -> dict[int, str]:
    """What a program wrote of DMARC into the messages that it delivered, by number."""
    printed = "\n".join(one.event.text for one in of(analysis.log, events.Said)).replace("\\x09", "\t")
    found = {}
    for text in re.split(r"^(?=Return-Path:)", printed, flags=re.MULTILINE)[1:]:
        number = re.search(r"<trust-(\d+)@", text)
        assert number is not None, text
        fields = message_from_string(text).get_all("Authentication-Results", [])
        results = [one for value in fields for one in read(value)[1] if one.method == "dmarc"]
        found[int(number[1])] = next(
            (_words("DMARC", one.result, one.properties.get("header.from", "")) for one in results), ""
        )
    return found


def _refused(player: Player, number: int, reply: str, analysis: Analysis) -> str:
    pattern = re.compile(player.refusal.format(id=number))
    printed = (one.event.text for one in of(analysis.log, events.Said)) if "{id}" in player.refusal else ()
    hit = next((hit for text in (reply, *printed) if (hit := pattern.search(text))), None)
    if hit is None:
        return ""
    found = hit.groupdict()
    return _words(found["what"] or found["of"], "fail", found["domain"] or found["name"])


def version(player: Player) -> str:
    """That of the program that is here, ``""`` for the lab's own, or where none is known."""
    found = find(subjects()[player.program]) if player.program else None
    return found.version if found is not None else ""


def stored() -> dict[str, tuple[str, list[Cell]]]:
    """What was played, by player, with the versions."""
    said = json.loads(DATA.read_text("utf-8"))
    return {name: (one["version"], [Cell(**cell) for cell in one["cells"]]) for name, one in said.items()}


def page(found: dict[str, tuple[str, list[Cell]]]) -> str:
    """The whole page."""
    titles = [f"{name} {version}".strip() for name, (version, _) in found.items()]
    columns = [cells for _, cells in found.values()]
    lines = [_OPENING, "", _row("trick", *titles), _row(*["---"] * (1 + len(titles)))]
    lines += [_row(trick, *map(_shown, cells)) for trick, *cells in zip(tricks(), *columns, strict=True)]
    taken = (f"{sum(cell.fate != 'refused' for cell in cells)} of {len(cells)}" for cells in columns)
    return "\n".join([*lines, _row("**taken**", *taken), "", _CLOSING]) + "\n"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _shown(cell: Cell) -> str:
    refused = f" {cell.reply.partition(' ')[2]}" + (" at RCPT" if cell.reply.startswith("RCPT") else "")
    return f"{cell.fate}{refused if cell.reply else ''}: {cell.said or 'nothing said of DMARC'}"


_OPENING = """# Who falls for which trick

The 22 messages of [composition](../scenarios/spoofing/composition.yaml), in which Mallory claims to be the bank, after
the ways that Chen, Paxson and Jiang published at USENIX Security 2020. bank.example wishes `p=reject`, and SPF passes
for mallory.example. Each receiver had all of them in one lab: the lab's own, and two
[ready-made ones](subjects.md), both set to refuse what fails DMARC. `postfix-opendmarc` is Postfix with policyd-spf,
OpenDKIM and OpenDMARC, else as their packages have them; `postfix-rspamd` has Rspamd's checks of SPF, DKIM and DMARC
alone, without its rules about spam. Both take the lab's top-level domains for the public suffixes.

A cell says what became of the message, and what the program said of whom: in `Authentication-Results` where it took
the message, else in its reply or its log. `make compared` plays all of it anew."""

_CLOSING = """What is taken with `DMARC pass for mallory.example` is judged rightly, and deceives those whose mail
program shows the other address. What is taken with `DMARC none`, or without a word, has nobody to vouch for it:
as they are set here, neither program judges a From that is missing or has several addresses. RFC 9989 §11.5 leaves to
receivers what becomes of such mail. OpenDMARC has `RequiredHeaders` for headers that break RFC 5322 §3.6, off unless
it is set; Rspamd has rules about spam for some (`MULTIPLE_FROM`, `MISSING_FROM`).

To have such a receiver in a scenario of yours:

```text
hosts:
  someschool.edu: {program: postfix-opendmarc}
```"""


def _play() -> None:
    """Have everybody who is here play, and keep what others did before."""
    found = {name: (said, cells) for name, (said, cells) in stored().items()} if DATA.exists() else {}
    for player in PLAYERS:
        if player.program and (why := why_not(subjects()[player.program])):
            print(f"{player.name} is not played: {why}", file=sys.stderr)
            continue
        with TemporaryDirectory() as folder:
            found[player.name] = version(player), played(player, Path(folder))
    in_order = {player.name: found[player.name] for player in PLAYERS if player.name in found}
    said = {
        name: {"version": version, "cells": list(map(asdict, cells))} for name, (version, cells) in in_order.items()
    }
    DATA.write_text(json.dumps(said, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["play"]:
        _play()
    else:
        print(page(stored()), end="")
