"""POP3: its dialogue, and deletions that never happened."""
