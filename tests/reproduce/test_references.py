"""How many of the reference traces, and of public captures, come out the same when they are reproduced.

Every eleventh reference and every fourth public capture is played here; ``make reproduce`` plays all of them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.reproduce.exceptions import EXCEPTIONS
from tests.reproduce.references import EVERY, REFERENCES, is_of_mail, outcomes, sample

SHARED = PROJECT.parent / "shared"
PUBLIC = (SHARED / "corpus", SHARED / "cases" / "captures")
_NTH_PUBLIC = 4
AT_LEAST, AT_LEAST_PUBLIC = 0.9, 0.5


@pytest.mark.lab
def test_references_come_out_the_same(tmp_path: Path) -> None:
    """Their packets alone are read.  The others are named in a table, with the reason."""
    found = outcomes(sample(), tmp_path)
    other = {name: why for name, why in found.items() if why}
    same = len(found) - len(other)
    print(f"{same} of {len(found)} references come out the same: {same / len(found):.1%}")
    assert {name: why for name, why in other.items() if name not in EXCEPTIONS} == {}


def test_exceptions_are_references_and_few() -> None:
    """Whatever the sample is: the whole of the references comes out the same to nine tenths."""
    assert set(EXCEPTIONS) <= {path.stem for path in REFERENCES}
    assert len(EXCEPTIONS) <= len(REFERENCES) * (1 - AT_LEAST)


@pytest.mark.lab
@pytest.mark.skipif(not PUBLIC[0].exists(), reason="the public captures (../shared) are not here")
def test_public_captures_come_out_the_same(tmp_path: Path) -> None:
    captures = [path for folder in PUBLIC for path in sorted(folder.rglob("*")) if path.suffix in (".pcap", ".pcapng")]
    of_mail = [path for path in captures[:: 1 if EVERY else _NTH_PUBLIC] if is_of_mail(path)]
    found = outcomes(of_mail, tmp_path)
    same = sum(not why for why in found.values())
    print(f"{same} of {len(found)} public captures come out the same: {same / len(found):.1%}")
    assert same >= len(found) * AT_LEAST_PUBLIC
