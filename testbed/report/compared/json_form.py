"""A comparison for programs, and back again from there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict

from testbed import __version__
from testbed.outcome import Result
from testbed.report.compared.comparison import Breach, Cell, Comparison, Row
from testbed.report.json_analysis import harmless

_SCHEMA_VERSION = 1


def comparison_json(comparison: Comparison) -> str:
    """``{"schema": 1, "part": "relay", "players": […], "titles": […], "rows": [{"file", …, "cells": […]}]}``."""
    document = {"schema": _SCHEMA_VERSION, "testbed": __version__, **asdict(comparison)}
    return harmless(json.dumps(document, indent=1, ensure_ascii=False)) + "\n"


def read_comparison(text: str) -> Comparison:
    """What :func:`comparison_json` has written.  Raises ValueError, KeyError or TypeError for anything else."""
    said = json.loads(text)
    rows = tuple(Row(**{**row, "cells": tuple(map(_cell, row["cells"]))}) for row in said["rows"])
    return Comparison(said["part"], tuple(said["players"]), tuple(said["titles"]), rows)


def _cell(said: Mapping[str, object]) -> Cell:
    found = dict(said)
    breaches = found.pop("breaches")
    attempts = found.pop("attempts_s")
    assert isinstance(breaches, list)
    assert isinstance(attempts, list)
    told = tuple(Breach(one["what"], one["why"], tuple(one["frames"])) for one in breaches)
    return Cell(
        player=str(found["player"]),
        result=Result(str(found["result"])),
        words=str(found["words"]),
        attempts_s=tuple(attempts),
        breaches=told,
        why=str(found["why"]),
        trace=str(found["trace"]),
    )
