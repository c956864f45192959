"""The parts in a lab for which a program can be asked."""

PARTS = {"relay": "relay", "receiver": "receiver", "client": "user-agent"}
"""Each with the role of the hosts that it then plays."""
