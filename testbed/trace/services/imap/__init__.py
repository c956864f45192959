"""IMAP: its dialogue, and moves that were interrupted."""
