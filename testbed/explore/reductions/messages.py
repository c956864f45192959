"""Fewer recipients, and plainer messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from testbed.explore.variant import Variant

_SEND = "send"
_NEEDED = ("from", "to", "via")


def fewer_recipients(variant: Variant) -> Iterator[Variant]:
    """Each message to one of its recipients alone, then to all but one of them."""
    for number, send in _sends(variant):
        to = send.get("to")
        if not isinstance(to, list | tuple) or not to:
            continue
        yield from (_with_send(variant, number, {**send, "to": one}) for one in to)
        if len(to) > 2:
            for place in range(len(to)):
                yield _with_send(variant, number, {**send, "to": [*to[:place], *to[place + 1 :]]})


def plainer_messages(variant: Variant) -> Iterator[Variant]:
    """Each message with nothing but sender and recipients, then without each other thing that is said of it."""
    for number, send in _sends(variant):
        more = [key for key in send if key not in _NEEDED]
        if more:
            yield _with_send(variant, number, {key: send[key] for key in send if key in _NEEDED})
        for key in more if len(more) > 1 else ():
            yield _with_send(variant, number, {name: value for name, value in send.items() if name != key})


def _sends(variant: Variant) -> Iterator[tuple[int, Mapping[str, object]]]:
    for number, step in enumerate(variant.steps):
        send = step.get(_SEND) if isinstance(step, Mapping) else None
        if isinstance(send, Mapping):
            yield number, send


def _with_send(variant: Variant, number: int, send: Mapping[str, object]) -> Variant:
    steps = variant.steps
    return variant.with_steps([*steps[:number], {_SEND: dict(send)}, *steps[number + 1 :]])
