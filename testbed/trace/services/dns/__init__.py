"""DNS, and where it sends mail."""
