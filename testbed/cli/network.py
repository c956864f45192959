"""Where the labs of a command live."""

from __future__ import annotations

import argparse
import sys

from testbed.lab.where import where
from testbed.scenario.network_needs import NetworkKind


def chosen_network(options: argparse.Namespace) -> NetworkKind:
    """What ``--network`` says; why it is not what most would have is told on standard error."""
    found = where(options.network)
    if found.note:
        print(f"note: {found.note}", file=sys.stderr)
    return found.kind
