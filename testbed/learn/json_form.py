"""What was learnt, for programs."""

from __future__ import annotations

from collections.abc import Sequence

from testbed import __version__
from testbed.learn.comparison import Difference
from testbed.learn.machine_file import machine_document, pretty
from testbed.learn.portrait import Pair, Portrait

SCHEMA_VERSION = 1


def learnt_json(portraits: Sequence[Portrait], pairs: Sequence[Pair], changes: Sequence[Difference] | None) -> str:
    """``{"schema", "testbed", "host", "servers": [{…, "machine"}], "pairs": [{…, "differences"}], "baseline"}``.

    ``baseline`` is None where nothing was compared with one.
    """
    document = {
        "schema": SCHEMA_VERSION,
        "testbed": __version__,
        "host": portraits[0].host,
        "protocol": portraits[0].protocol,
        "servers": [_server(portrait) for portrait in portraits],
        "pairs": [{"one": pair.one.player, "other": pair.other.player, **_found(pair.differences)} for pair in pairs],
        "baseline": None if changes is None else _found(changes),
    }
    return pretty(document) + "\n"


def _server(portrait: Portrait) -> dict[str, object]:
    learnt = portrait.learnt
    return {
        "player": portrait.player,
        "title": portrait.title,
        "states": len(learnt.machine.steps),
        "complete": learnt.complete,
        "beyond": learnt.beyond,
        "dialogues": learnt.dialogues,
        "inputs": learnt.inputs,
        "seconds": round(portrait.seconds, 3),
        "machine": machine_document(portrait.protocol, learnt.machine),
    }


def _found(differences: Sequence[Difference]) -> dict[str, object]:
    told = [
        {"dialogue": list(one.dialogue), "before": list(one.before), "one": one.one, "other": one.other}
        for one in differences
    ]
    return {"same": not told, "differences": told}
