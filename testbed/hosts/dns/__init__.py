"""The name server and the resolver."""
