"""Ready-made servers: a folder each, with a description, ``subject.toml``, and what the server finds in its directory.

``common`` is for every role it can play, ``relay`` and ``receiver`` for one.  Adding a server is adding a folder.
"""
