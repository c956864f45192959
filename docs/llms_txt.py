"""Writes docs/llms.txt, the list of pages for language models (https://llmstxt.org): ``python docs/llms_txt.py``."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))

from build_site import CONFIG, pages  # noqa: E402

_TITLE = re.compile(r"^# (.+)\n+", re.M)
_SENTENCE = re.compile(r"(.+?[.:])(?:\s|$)", re.S)


def llms_txt() -> str:
    """The file's text: a section of links for each part of the navigation."""
    config = tomllib.loads(CONFIG.read_text("utf-8"))
    parts = [f"# {config['project']['site_name']}", f"> {config['project']['site_description']}"]
    for section, entries in groupby(pages(config), key=lambda entry: entry[0]):
        parts.append(f"## {section}")
        parts.append("\n".join(_links(page for _, page in entries)))
    return "\n\n".join(parts) + "\n"


def _links(files: Iterator[str]) -> Iterator[str]:
    for file in files:
        _, title, text = _TITLE.split((DOCS / file).read_text("utf-8"), maxsplit=1)
        paragraph = next(part for part in text.split("\n\n") if part[:1].isalnum() or part[:2] == "**")
        sentence = _SENTENCE.match(paragraph)
        says = " ".join((sentence.group(1) if sentence else paragraph).split()).rstrip(":")
        yield f"- [{title}]({file}): {says}"


if __name__ == "__main__":
    (DOCS / "llms.txt").write_text(llms_txt(), encoding="utf-8")
