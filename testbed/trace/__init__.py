"""What a trace says: connections, phases, dialogue, findings."""
