"""A capture on the whole screen of a terminal: connections, ladders, packets, messages, findings.

Only ``testbed view`` loads this, for it takes textual.  Widgets show rich's Text and never markup: mail is hostile.
"""
