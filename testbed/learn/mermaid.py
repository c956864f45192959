"""Machines as a Mermaid diagram, which GitHub and many editors draw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from testbed.learn.machine import Machine
from testbed.learn.portrait import Portrait
from testbed.learn.words import edges, state_name

_BREAK = "<br/>"


def mermaid(portraits: Sequence[Portrait]) -> str:
    """A ``stateDiagram-v2``, several machines each within its name.  What changes nothing is told in its state."""
    lines = ["stateDiagram-v2", "  direction LR"]
    for number, portrait in enumerate(portraits):
        if len(portraits) == 1:
            lines += [f"  {line}" for line in _machine(portrait.machine, "s")]
        else:
            lines.append(f'  state "{_plain(portrait.title)}" as server{number} {{')
            lines += [f"    {line}" for line in _machine(portrait.machine, f"m{number}s")]
            lines.append("  }")
    return "\n".join(lines) + "\n"


def _machine(machine: Machine, prefix: str) -> Iterator[str]:
    ways = machine.ways()
    living = [state for state in ways if not machine.is_end(state)]
    for state in living:
        yield f'state "{state}: {_plain(state_name(machine, ways[state]))}" as {prefix}{state}'
    yield f"[*] --> {prefix}0 : {_plain(machine.greeting)}"
    for state in living:
        labels = dict[str, list[str]]()
        for edge in edges(machine, state):
            target = "[*]" if machine.is_end(edge.to) else f"{prefix}{edge.to}"
            told = _plain(f"{', '.join(edge.inputs)} / {edge.answer}")
            if edge.to == state:
                yield f"{prefix}{state} : {told}"
            else:
                labels.setdefault(target, []).append(told)
        for target, lines in labels.items():
            yield f"{prefix}{state} --> {target} : {_BREAK.join(lines)}"


def _plain(text: str) -> str:
    """Text in which Mermaid finds no syntax of its own."""
    return "".join(char if char.isprintable() and char not in '"#;:<>{}%' else "'" for char in text)
