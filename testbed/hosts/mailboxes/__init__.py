"""Mailboxes, and the servers that give them to readers."""
