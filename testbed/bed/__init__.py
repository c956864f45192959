"""Labs for Python programs: one held open to be talked to (:func:`open_lab`), or played and judged (:func:`play`).

>>> from testbed import open_lab
>>> with open_lab(faults=[{"at": "crepes.fr", "on": "RCPT", "reply": "452 4.3.1 Out of space"}]) as bed:
...     host, port = bed.address("crepes.fr", "submission")
"""

from testbed.bed.bed import Bed
from testbed.bed.judging import NotHeld, check, explanation
from testbed.bed.playing import open_lab, play, play_into

__all__ = ["Bed", "NotHeld", "check", "explanation", "open_lab", "play", "play_into"]
