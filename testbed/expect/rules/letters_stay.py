"""RFC 5321 §4.5.2: what a client is given to send is what arrives, whatever its lines begin with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from testbed.expect.conservation.passages import Passage
from testbed.expect.verdict import Verdict
from testbed.protocols.header import header_field, named, text_digest
from testbed.scenario.program_hosts import placeholders
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis

_WHAT = "letters are sent as they were written (RFC 5321 §4.5.2)"
_DOT, _END = b".", b"\n.\n"


def letters_stay(scenario: Scenario, analysis: Analysis, carried: Sequence[Passage]) -> Iterator[Verdict]:
    """A host sent a message that its scenario has written into one of its files, and sent it otherwise.

    A mail program may fill in, sign or encode what it is given.  So only dots that are gone, doubled, or taken for the
    end of the message are certain; other differences are not judged.
    """
    for host, spec in scenario.hosts.items():
        letters = _letters(spec.files.values() if isinstance(spec.files, dict) else ())
        for passage in carried if letters else ():
            written = letters.get(passage.message_id)
            if passage.client != host or passage.content is None or written is None:
                continue
            sent = passage.content.text_sha256
            if sent == text_digest(written):
                continue
            why = f"{host} altered {named(passage.message_id)}, which its scenario has written: "
            if sent in _with_wrong_dots(written):
                yield Verdict(_WHAT, False, f"{why}its dots are not what was written", passage.frames)
            else:
                why += "nobody can see whether it was set to"
                yield Verdict(_WHAT, True, why, passage.frames, judged=False)


def _letters(texts: Iterable[str]) -> dict[str, bytes]:
    """The texts of messages among files, by their Message-ID, each line with LF; none with facts of the lab in it."""
    found = {}
    for text in texts:
        header, _, body = text.replace("\r\n", "\n").partition("\n\n")
        message_id = header_field(header.replace("\n", "\r\n").encode(), "Message-ID")
        if message_id and not placeholders(text):
            found[message_id] = body.encode()
    return found


def _with_wrong_dots(text: bytes) -> frozenset[str]:
    """What a server gets of a text whose client puts no dot before a dot, puts one too many, or ends at a lone one."""
    lines = text.split(b"\n")
    without = [line.removeprefix(_DOT) for line in lines]
    doubled = [_DOT * line.startswith(_DOT) + line for line in lines]
    until_dot = (b"\n" + text).partition(_END)[0].removeprefix(b"\n").split(b"\n")
    unstuffed_until_dot = [line.removeprefix(_DOT) for line in until_dot]
    return frozenset(text_digest(b"\n".join(one)) for one in (without, doubled, until_dot, unstuffed_until_dot))
