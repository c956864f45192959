"""A scenario brought to life: hosts and wire in one private network, one trace written."""

from testbed.lab.lab import preload, run

__all__ = ["preload", "run"]
