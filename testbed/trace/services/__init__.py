"""What is spoken on connections: one room a service."""
