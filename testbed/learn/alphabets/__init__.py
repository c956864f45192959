"""What servers are asked, a file for each protocol."""

from testbed.learn.alphabets.alphabet import Alphabet, Names, Said
from testbed.learn.alphabets.imap import IMAP
from testbed.learn.alphabets.pop3 import POP3
from testbed.learn.alphabets.smtp import LMTP, SMTP

ALPHABETS = {alphabet.name: alphabet for alphabet in (SMTP, LMTP, POP3, IMAP)}
"""By the names of their protocols."""

__all__ = ["ALPHABETS", "Alphabet", "Names", "Said"]
