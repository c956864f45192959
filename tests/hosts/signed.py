"""A lab's name server that signs, on a port of the machine's own loopback, for programs that validate."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from testbed.hosts.dns.lab_zone import lab_zone
from testbed.hosts.dns.name_server import respond
from testbed.hosts.dns.zone import Zone
from testbed.hosts.zone_script import ZoneScript
from testbed.scenario.faults import ZoneFault
from testbed.scenario.load import parse

SCENARIO = """\
title: T
hosts:
  ns.lab:
    dnssec: true
    records:
      someschool.edu: |
        @            TXT    "v=spf1 -all"
        www          CNAME  mx1
        mx1          A      192.0.2.7
        _25._tcp.mx1 TLSA   3 1 1 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
        *.pool       TXT    "anything"
    blocklists: {bl.example: [crepes.fr]}
steps:
  - send: {to: bob@someschool.edu}
expect:
  - delivered: {to: bob@someschool.edu}
"""
ADDRESSES = {
    "ns.lab": ("127.0.0.53",),
    "alice.crepes.fr": ("127.0.0.10",),
    "crepes.fr": ("127.0.0.20",),
    "someschool.edu": ("127.0.0.30",),
}


def signed_zone() -> Zone:
    return lab_zone(parse(SCENARIO), ADDRESSES, time.time)


@contextmanager
def served(*faults: dict[str, object]) -> Iterator[int]:
    """The port where it answers, by UDP and TCP."""
    zone, script = signed_zone(), ZoneScript([ZoneFault(**fault) for fault in faults])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked, socket.create_server(("127.0.0.1", 0)) as stream:
        port: int = stream.getsockname()[1]
        asked.bind(("127.0.0.1", port))

        def datagrams() -> None:
            while True:
                wire, client = asked.recvfrom(65_535)
                if not wire:
                    return
                answer = respond(zone, wire, 512, script=script)
                if answer is not None:
                    asked.sendto(answer, client)

        def streams() -> None:
            while True:
                connection, _ = stream.accept()
                with connection:
                    wire = connection.recv(65_535)
                    if not wire:
                        return
                    answer = respond(zone, wire[2:], script=script) or b""
                    connection.sendall(len(answer).to_bytes(2, "big") + answer)

        threads = [threading.Thread(target=one) for one in (datagrams, streams)]
        for thread in threads:
            thread.start()
        try:
            yield port
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
                end.sendto(b"", ("127.0.0.1", port))
            socket.create_connection(("127.0.0.1", port)).close()
            for thread in threads:
                thread.join()
