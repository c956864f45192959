"""``testbed schema``."""

from __future__ import annotations

import argparse
import json

from testbed.cli import HELD
from testbed.scenario.schema import schema


def main(options: argparse.Namespace) -> int:
    """Print the JSON Schema of scenario files."""
    print(json.dumps(schema(), indent=2))
    return HELD
