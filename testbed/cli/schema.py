"""``testbed schema``."""

from __future__ import annotations

import argparse

from testbed.cli import HELD
from testbed.scenario.schema import schema_text


def main(options: argparse.Namespace) -> int:
    """Print the JSON Schema of scenario files."""
    print(schema_text(), end="")
    return HELD
