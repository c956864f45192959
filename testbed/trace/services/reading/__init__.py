"""What POP3 and IMAP have in common: refusals, broken dialogues, and the outcome of reading."""
