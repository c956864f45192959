"""TLS as a capture shows it."""
