"""``--untrusted``: what strangers' scenarios may be."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from testbed.errors import UsageError
from testbed.scenario.reach import Reach

if TYPE_CHECKING:
    from testbed.scenario.scenario import Scenario

_MOST = 500


def reach(options: argparse.Namespace) -> Reach:
    """Which files scenarios may name.  Raises UsageError where the options contradict each other."""
    if options.untrusted and options.allow_outside:
        raise UsageError("--untrusted and --allow-outside exclude each other")
    return Reach.given(options.paths, allow_outside=options.allow_outside, untrusted=options.untrusted)


def bounded(scenarios: Sequence[Scenario], options: argparse.Namespace) -> None:
    """Raise UsageError for more of them than strangers may bring."""
    if options.untrusted and len(scenarios) > _MOST:
        raise UsageError(f"{len(scenarios):,} scenarios are more than {_MOST}, which --untrusted plays at most")


def why_refused(scenario: Scenario, options: argparse.Namespace) -> str:
    """Why a scenario is not to be played, ``""`` for one that is."""
    refused = options.untrusted and scenario.is_code
    return "refused: it runs programs, and --untrusted plays none" if refused else ""
