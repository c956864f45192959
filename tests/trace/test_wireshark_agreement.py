"""tcp.analysis.* and tcp.completeness against tshark, on the corpus and on random traces; dialogues against pyshark."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import agreement
import pytest
import random_traffic

from testbed.trace.inspect import inspect
from tests.traces import TRACES

pytestmark = [pytest.mark.program("tshark"), pytest.mark.timeout(600)]
corpus = pytest.mark.skipif(not agreement.CORPUS.is_dir(), reason="the corpus of captures is not on this machine")

SMTP = agreement.CORPUS / "zeek" / "smtp.pcap"

# Frames whose flags differ, and why.
FLAG_EXCEPTIONS = {
    "syn-then-ack-then-rst.pcap": {2: "sequence and ACK number 0: Wireshark takes the 0 for what it has not seen"},
}
FTP_DATA = "the FTP dissector announces the data connection, so Wireshark does not count its SYN"
FIRST_FRAME = "on the first frame of a conversation without SYN the value before that frame is shown"
COMPLETENESS_EXCEPTIONS = {
    "bigtransfer.pcap": (34, FTP_DATA),
    "ipv4.pcap": (16, FTP_DATA),
    "zeek-image-post-1080-8000-x.pcap": (1, FIRST_FRAME),
    "smtp.pcap": (2, FIRST_FRAME),
    "http-on-irc-port-missing-syn.pcapng": (1, FIRST_FRAME),
    "missing-syn.pcap": (1, FIRST_FRAME),
    "no-handshake.pcap": (1, FIRST_FRAME),
    "wikipedia.pcap": (1, FIRST_FRAME),
}


@corpus
def test_flags_on_the_corpus() -> None:
    packets, found = 0, {}
    for capture in agreement.captures():
        count, different = agreement.flag_differences(capture)
        packets += count
        if different:
            found[capture.name] = {frame for frame, _, _ in different}
    assert found == {name: set(frames) for name, frames in FLAG_EXCEPTIONS.items()}
    agreement.told_in_docs("events", "public captures", packets, sum(map(len, found.values())))


@corpus
def test_completeness_on_the_corpus() -> None:
    packets, found = 0, {}
    for capture in agreement.captures():
        count, different = agreement.completeness_differences(capture)
        packets += count
        if different:
            found[capture.name] = len(different)
    assert found == {name: count for name, (count, _) in COMPLETENESS_EXCEPTIONS.items()}
    agreement.told_in_docs("completeness", "public captures", packets, sum(found.values()))


def test_the_reference_traces() -> None:
    """Traces of faults: what the wire destroyed counts for Wireshark as for us."""
    events = [agreement.flag_differences(trace) for trace in TRACES]
    assert [different for _, different in events if different] == []
    agreement.told_in_docs("events", "our reference traces", sum(packets for packets, _ in events), 0)
    completeness = [agreement.completeness_differences(trace) for trace in TRACES]
    assert [different for _, different in completeness if different] == []
    agreement.told_in_docs("completeness", "our reference traces", sum(packets for packets, _ in completeness), 0)


@pytest.mark.parametrize("seed", range(6))
def test_flags_on_random_traffic(seed: int, tmp_path: Path) -> None:
    """Loss, repetition, probes, SACK, wrapping numbers, half handshakes: far from what real stacks do."""
    path = tmp_path / "random.pcapng"
    random_traffic.write(path, seed)
    packets, different = agreement.flag_differences(path)
    assert packets > 1_000
    assert len(different) / packets < 0.0005, different[:5]


@pytest.mark.parametrize("seed", range(3))
def test_completeness_on_random_traffic(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "random.pcapng"
    random_traffic.write(path, seed)
    packets, different = agreement.completeness_differences(path)
    analysis = inspect(path)
    without_syn = {c.first_frame for c in analysis.connections if c.first_frame not in c.opening.syn_frames}
    assert packets > 1_000
    assert [entry for entry in different if entry[0] not in without_syn] == []


# pyshark takes over the event loop and the children of its process, so it gets one of its own.
PYSHARK = """
import json, sys, pyshark
commands, codes = [], []
with pyshark.FileCapture(sys.argv[1], display_filter="tcp.stream==0 && smtp", keep_packets=False) as packets:
    for packet in packets:
        if hasattr(packet, "smtp") and hasattr(packet.smtp, "req_command"):
            commands.append(packet.smtp.req_command.upper())
        if hasattr(packet, "smtp") and hasattr(packet.smtp, "response_code"):
            codes.append(packet.smtp.response_code)
print(json.dumps([commands, codes]))
"""


@corpus
def test_dialogue_as_pyshark_reads_it() -> None:
    """Commands and replies of one connection: verb, argument and code, in order."""
    pytest.importorskip("pyshark")
    told = subprocess.run([sys.executable, "-c", PYSHARK, str(SMTP)], capture_output=True, check=True).stdout
    commands, codes = json.loads(told)
    first = next(c for c in inspect(SMTP).connections if c.transport.protocol == "tcp" and c.service == "smtp")
    ours = [e.command.verb for e in first.exchanges if e.command and e.command.verb not in ("connect", "message")]
    # Wireshark knows only four letters of a verb, and takes AUTH's answers for AUTH's own continuation.
    names = {"EHLO", "MAIL", "RCPT", "DATA", "QUIT"}
    assert [verb for verb in ours if verb in names] == [verb for verb in commands if verb in names]
    assert [e.reply.code for e in first.exchanges if e.reply] == codes
