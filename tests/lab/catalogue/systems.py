"""docs/relays-compared.md: what the lab's own relay and ready-made ones did in the scenarios of the catalogue.

``python -m tests.lab.catalogue.systems`` prints the page.  It is made from what lies in docs/compared/, which ``make
compared`` plays anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.report.compared.comparison import Comparison, Row, broken
from testbed.report.compared.markdown_form import breaches, table
from tests.conftest import PROJECT
from tests.lab.catalogue.stored_comparison import stored_comparison

FOLDER = PROJECT / "docs" / "compared"
DATA = FOLDER / "relays.json"
FOLDERS = [
    "connection",
    "crash",
    "dialogue",
    "dns",
    "extensions",
    "framing",
    "notifications",
    "queue",
    "replies",
    "tls",
]
"""Those of scenarios/ that are about what mail servers do; and the files beside them."""
_SMUGGLED = "only CRLF.CRLF ends mail data"
_OPENING = """# Mail servers compared

This page compares the lab's own relay with [ready-made ones](subjects.md) in its place, in the scenarios of the
[catalogue](catalogue.md) that are about mail servers. The relays are set up as in the textbook and have their own
timers, in [scenario time](systems-under-test.md#on-the-labs-clock):

`testbed compare scenarios/*.yaml {folders} --relay {players}`

A cell says what became of the mail, and when the relay tried to deliver it, counted from when the relay got it. ❌
marks a broken promise: something that the RFCs demand of every mail server, or that no server may do. Other
differences are a matter of taste. A dash means that the scenario asks for something that only the lab's own relay
does, or that the server lacks. `not over` means that the lab took more than two minutes of real time: the server
wakes up every second, its resolver waits in real time, or it got an endless reply.

`make docs` generates this page from [the stored results](compared/)."""


@dataclass(frozen=True, slots=True)
class _Headline:
    title: str
    about: str
    files: tuple[str, ...]
    sums: Callable[[Comparison, Sequence[Row]], Iterator[str]] | None = None


def _passed_through() -> Iterator[str]:
    """Of how many tricks the second message came out at a receiver, for each relay on the way."""
    files = sorted(FOLDER.glob("smuggling-*.json"))
    found = [stored_comparison(file) for file in files]
    if not found:
        return
    yield "How many of the tricks passed through a relay to a receiver that accepted the hidden message, or were"
    yield "accepted by the relay itself:"
    yield ""
    yield "| relay | " + " | ".join(f"to {file.stem.partition('-')[2]}" for file in files) + " |"
    yield "| --- |" + " --- |" * len(found)
    for place, title in enumerate(found[0].titles):
        yield f"| {title} | " + " | ".join(_tricked(one, place) for one in found) + " |"
    yield ""


def _tricked(comparison: Comparison, place: int) -> str:
    cells = [row.cells[place] for row in comparison.rows if row.cells[place].tells]
    return f"{sum('smuggled' in cell.words for cell in cells)} of {len(cells)}" if cells else "not played"


def _smuggled(comparison: Comparison, rows: Sequence[Row]) -> Iterator[str]:
    """How many of the tricks each server fell for."""
    for place, title in enumerate(comparison.titles):
        cells = [row.cells[place] for row in rows if "crepes.fr" in row.case and row.cells[place].tells]
        fell = sum(any(breach.what == _SMUGGLED for breach in cell.breaches) for cell in cells)
        yield f"- {title}: {fell} of {len(cells)}" if cells else f"- {title}: not played"
    yield ""
    yield from _passed_through()


_HEADLINES = (
    _Headline(
        "Who is smuggled through",
        "Odd line ends around a dot, in front of hidden commands. A server that takes them for the end of the message "
        "carries a second one that its sender never vouched for (RFC 5321 §4.1.1.4). How many of the tricks ended the "
        "data with the relay as the server:",
        ("framing/smuggling", "framing/bare-line-ends"),
        _smuggled,
    ),
    _Headline(
        "When they try again",
        "RFC 5321 §4.5.4.1 asks for pauses of at least half an hour after the first tries, and for giving up after "
        "four or five days.",
        ("mailbox-full", "mailbox-full-five-days", "host-unreachable", "connection/all-mx-down", "replies/greylisted"),
    ),
    _Headline(
        "What an attacker on the way can get",
        "STARTTLS removed, refused, or cut off, and flawed certificates, by what the relay demands of TLS.",
        ("tls/",),
    ),
    _Headline(
        "How they fall back in the DNS",
        "A null MX (RFC 7505), no MX (RFC 5321 §5.1), an MX that is an alias or has no address, no useful answer.",
        ("dns/null-mx", "dns/implicit-mx", "dns/mx-", "dns/domain-", "dns/no-usable", "unknown-domain"),
    ),
    _Headline(
        "Cut connections and lost replies",
        "A reply that is lost after the final dot leaves both sides in doubt: mail may arrive twice, but must not be "
        "lost (RFC 1047).",
        ("reset-after-final-dot", "dialogue/answer-", "dialogue/cut", "dialogue/stalled", "replies/no-reply", "crash/"),
    ),
)


def comparison() -> Comparison:
    """What was played, as it is stored."""
    return stored_comparison(DATA)


def page(found: Comparison) -> str:
    """The whole page."""
    rows = [row for row in found.rows if row.is_played]
    folders = f"scenarios/{{{','.join(FOLDERS)}}}"
    parts = [_OPENING.format(players=",".join(found.players), folders=folders), "", *_sums(found, rows)]
    for headline in _HEADLINES:
        parts += ["", f"## {headline.title}", "", headline.about, ""]
        chosen = [row for row in rows if _about(row, headline.files)]
        if headline.sums is not None:
            parts += [*headline.sums(found, chosen), ""]
        parts += table(found, chosen, "../")
    parts += ["", "## What was broken", "", *breaches(rows), "", "## Everything", "", *table(found, rows, "../")]
    return "\n".join(parts) + "\n"


def _sums(found: Comparison, rows: Sequence[Row]) -> Iterator[str]:
    yield f"{len(rows)} scenarios were compared; in {sum(row.differs for row in rows)} of them something differs."
    yield ""
    yield "| server | played | broken promises in |"
    yield "| --- | --- | --- |"
    for place, title in enumerate(found.titles):
        cells = [row.cells[place] for row in rows]
        alone = [Row(row.file, row.case, row.title, row.rfc, (row.cells[place],)) for row in rows]
        yield f"| {title} | {sum(cell.tells for cell in cells)} | {broken(alone)} |"


def _about(row: Row, files: Iterable[str]) -> bool:
    """Whether a row is of one of these files, or of files that begin so."""
    name = Path(row.file).relative_to("scenarios").with_suffix("").as_posix()
    return any(name == one or (one.endswith(("/", "-")) and name.startswith(one)) for one in files)


if __name__ == "__main__":
    print(page(comparison()), end="")
