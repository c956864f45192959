"""What TLS protects, opened with the secrets of a key log: bytes to values, no capture and no socket.

:func:`~testbed.protocols.record_protection.opening.open_connection` takes the records of a connection.  What it opens
has passed its authentication: it is what was sent, or it is not given.
"""
