"""How mail is read: POP3 and IMAP."""
