"""Servers that write the canonical name of a domain into an address keep their promise under that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.expect.conservation import CONSERVED
from testbed.expect.conservation.canonical import canonical_addresses, canonical_names
from testbed.scenario.casting import cast_all
from testbed.trace.inspect import inspect
from tests.conftest import PROJECT
from tests.lab.test_scenarios import play


def test_an_alias_is_told_by_the_name_server() -> None:
    names = canonical_names(inspect(PROJECT / "captures" / "domain-is-alias.pcapng"))
    assert list(canonical_addresses("bob@school.example", names)) == ["bob@canonical.example"]
    assert list(canonical_addresses("bob@someschool.edu", names)) == []


@pytest.mark.lab
def test_who_bounces_it_under_the_canonical_name_has_not_lost_it(have: Callable[[str], None], tmp_path: Path) -> None:
    have("sendmail")
    [candidate] = cast_all([PROJECT / "scenarios" / "dns" / "domain-is-alias.yaml"], {"relay": "sendmail"})
    judgement = play(candidate.scenario, tmp_path).judgement
    assert judgement is not None
    [verdict] = [one for one in judgement.mail if one.what == CONSERVED]
    assert (verdict.held, verdict.judged) == (True, True), verdict.why
