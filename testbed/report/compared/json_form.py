"""A comparison for programs."""

from __future__ import annotations

import json

from msgspec import to_builtins

from testbed import __version__
from testbed.report.compared.comparison import Comparison
from testbed.report.json_analysis import harmless

_SCHEMA_VERSION = 1


def comparison_json(comparison: Comparison) -> str:
    """``{"schema": 1, "part": "relay", "players": […], "titles": […], "rows": [{"file", …, "cells": […]}]}``."""
    document = {"schema": _SCHEMA_VERSION, "testbed": __version__, **to_builtins(comparison)}
    return harmless(json.dumps(document, indent=1, ensure_ascii=False)) + "\n"
