"""What a trace says, without what differs from run to run; and what changed between two traces."""
