"""How a user agent reads its mail."""
