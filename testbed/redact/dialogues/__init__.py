"""What both sides of a connection say, a file a service."""
