"""A process that runs labs for another program's sake: for pytest, or for whoever opens a lab from Python.

A lab begins with a fork and gives up the machine's network.  The program that asks for one may have threads, open
files, signal handlers and much memory, none of which a lab should inherit; so one process is started afresh, loads what
labs need once, and forks for each.  It ends with the program that started it, and every lab ends with it.
"""

from testbed.keeper.client import LabSession
from testbed.keeper.orders import Order

__all__ = ["LabSession", "Order"]
