"""Public captures of mail and its surroundings, where they are at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import PROJECT

_CORPUS = PROJECT.parent / "shared" / "corpus" / "zeek"
_WANTED = (
    "smtp*.pcap",
    "smtp/*.pcap*",
    "pop3/*.pcap",
    "tls/*-starttls.pcap",
    "http/*.pcap",
    "wikipedia.pcap",
    "pppoe.pcap",
)
_LARGEST = 1 << 20
_FOUND = sorted(
    path
    for pattern in _WANTED
    for path in _CORPUS.glob(pattern)
    if path.stat().st_size < _LARGEST and path.suffix != ".tsv"
)
_NONE = pytest.param(Path(), marks=pytest.mark.skip(reason="the public captures (../shared/corpus) are not here"))
PUBLIC = _FOUND or [_NONE]
