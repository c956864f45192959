"""A small web mail: reads a mailbox through IMAP, sends through SMTP, speaks HTTP to browsers.

It keeps no mail itself and needs no JavaScript.  Imported only where a scenario has one: its libraries take a while.
"""
