"""Ready-made programs: a folder each, with a description, ``subject.toml``, and what it finds in its directory.

``common`` is for every role it can play, ``relay``, ``receiver`` and ``user-agent`` for one.  A server is begun by its
``start``; a user agent does what steps ask by its ``send`` and ``read``.  Adding a program is adding a folder.
"""
