"""The queue of a mail host, and what becomes of what is in it."""
