"""TCP as a capture shows it: what is unusual about packets, what became of them, and what octets they carried."""
