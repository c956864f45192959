"""HTTP/1.1, as far as webmail needs it."""
