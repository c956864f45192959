"""Who sent the messages of a capture, and may they: judged from its packets, or with answers of DNS from elsewhere.

Nothing in this folder is imported before a capture holds something to judge.
"""
