"""LMTP: mail handed to a mailbox server, which answers for each recipient."""
