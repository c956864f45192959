"""The rules of large receivers with their sources, as a page: docs/personas.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from testbed.authentication.persona import Persona, persona
from testbed.authentication.words import Receiver

_OPENING = """# Rules of large receivers

What a host with [`persona`](authentication.md#large-receivers) refuses, in the order of its checks: the first rule that
applies counts. Each row names the public page that it comes from, and the day on which we read it. This is our
reading of pages that change; these receivers also apply rules that they do not publish. The rules are in
`testbed/authentication/personas/`; `make docs` generates this page from them."""


def markdown() -> str:
    """The whole page."""
    parts = [_OPENING]
    for name in get_args(Receiver):
        who = persona(name)
        parts += [f"## {who.name}", "\n".join(_rows(who))]
    return "\n\n".join(parts) + "\n"


def _rows(who: Persona) -> Iterator[str]:
    messages, seconds = who.bulk
    yield "| what | reply | from | read on |"
    yield "| --- | --- | --- | --- |"
    yield _row(f"a bulk sender: {messages:,} messages in {seconds // 3600} hours", "", who.bulk_source, who.bulk_read)
    for rule in who.rules:
        what = f"{rule.when}, as a bulk sender" if rule.bulk else rule.when
        yield _row(what, f"`{rule.reply}`", rule.source, rule.read)


def _row(what: str, reply: str, source: str, read: str) -> str:
    site = source.removeprefix("https://").partition("/")[0]
    return f"| {what} | {reply} | [{site}]({source}) | {read} |"


if __name__ == "__main__":
    print(markdown(), end="")
