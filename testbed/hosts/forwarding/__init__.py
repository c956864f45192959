"""What becomes of mail that a relay passes on: signatures, senders written anew, mailing lists."""
