"""ManageSieve: how filter scripts get to a mailbox server."""
