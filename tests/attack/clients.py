"""Part of ``make attack``: ten thousand clients come, talk and leave in any order at one lab that is held open.

Fails when somebody after them is not served, when the lab keeps descriptors or more memory than its trace of them
explains, or when a client costs it more processor time than any should.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from random import SystemRandom

sys.path.insert(0, str(Path(__file__).parents[2]))

from testbed import open_lab
from tests.bed.sessions import EVERY, HOSTS, assert_served, crowd, lab_holds

CLIENTS = 10_000
SPARE_DESCRIPTORS, OCTETS_A_CLIENT, SECONDS_A_CLIENT = 10, 30_000, 0.1
_REST_S = 2.0


def main() -> int:
    """Play, tell what the lab held on the way, and by 1 that something does not hold."""
    seed = SystemRandom().randrange(1 << 32)
    with open_lab(hosts=HOSTS) as bed:
        for session in EVERY.values():
            assert_served(bed, session)
        before = lab_holds()
        for come in crowd(bed, CLIENTS, seed):
            now = lab_holds()
            print(
                f"{come} clients: {now.descriptors} descriptors, {now.memory >> 20} MiB, {now.cpu_s:.1f} s", flush=True
            )
        time.sleep(_REST_S)  # until the last have been heard to leave
        after = lab_holds()
    holds = (
        after.descriptors <= before.descriptors + SPARE_DESCRIPTORS
        and after.memory - before.memory <= CLIENTS * OCTETS_A_CLIENT
        and after.cpu_s - before.cpu_s <= CLIENTS * SECONDS_A_CLIENT
    )
    print(f"seed {seed}: {before} before, {after} after{'' if holds else ': does not hold'}")
    return int(not holds)


if __name__ == "__main__":
    raise SystemExit(main())
