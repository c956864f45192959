"""Packet faults: which packets, then what happens to them.

A fault is asked about every packet between the pairs of addresses it names, in order, and answers with an
:class:`Action` or None.  What happens to a packet is a *deed*, one small function or class in a file beside this one.
Times are nanoseconds of scenario time since the start.
"""

from testbed.net.faults.action import Action, Deed, PacketFault, Pair
from testbed.net.faults.copies import duplicate, lose
from testbed.net.faults.crash import Crash, Moment
from testbed.net.faults.damage import Corrupt, truncate
from testbed.net.faults.host import HostOutage, LinkDown, Refused, Silent, Unreachable
from testbed.net.faults.late import Bandwidth, Jitter, delay, reorder
from testbed.net.faults.replies import reset, too_big, unreachable
from testbed.net.faults.selection import Selection
from testbed.net.faults.window import zero_window
from testbed.net.faults.wire import Forgotten, SelectiveFault

__all__ = [
    "Action",
    "Bandwidth",
    "Corrupt",
    "Crash",
    "Deed",
    "Forgotten",
    "HostOutage",
    "Jitter",
    "LinkDown",
    "Moment",
    "PacketFault",
    "Pair",
    "Refused",
    "Selection",
    "SelectiveFault",
    "Silent",
    "Unreachable",
    "delay",
    "duplicate",
    "lose",
    "reorder",
    "reset",
    "too_big",
    "truncate",
    "unreachable",
    "zero_window",
]
