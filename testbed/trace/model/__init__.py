"""The values an analysis is made of.  They do not know whether the trace is ours or a stranger's.

Times are integer nanoseconds since the Unix epoch; frames are numbered from 1 as Wireshark numbers them.
"""
