"""SMTP: its dialogue, its transactions, and what goes wrong with them."""
