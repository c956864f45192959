"""The server side of SMTP."""
