"""A comparison that ``testbed compare --json`` has written, read again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict

from testbed.explore.ran import Breach
from testbed.outcome import Result
from testbed.report.compared.comparison import Cell, Comparison, Row


class _Breach(TypedDict):
    what: str
    why: str
    frames: list[int]


class _Cell(TypedDict):
    player: str
    result: str
    words: str
    attempts_s: list[float]
    breaches: list[_Breach]
    why: str
    trace: str


def stored_comparison(file: Path) -> Comparison:
    """What a file holds."""
    said = json.loads(file.read_text("utf-8"))
    rows = tuple(Row(**{**row, "cells": tuple(map(_cell, row["cells"]))}) for row in said["rows"])
    return Comparison(said["part"], tuple(said["players"]), tuple(said["titles"]), rows)


def _cell(said: _Cell) -> Cell:
    return Cell(
        player=said["player"],
        result=Result(said["result"]),
        words=said["words"],
        attempts_s=tuple(said["attempts_s"]),
        breaches=tuple(Breach(one["what"], one["why"], tuple(one["frames"])) for one in said["breaches"]),
        why=said["why"],
        trace=said["trace"],
    )
