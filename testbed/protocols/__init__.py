"""Sans-IO knowledge of the protocols: bytes in, values out."""
