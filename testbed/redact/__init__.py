"""What identifies people, hosts and messages replaced in a capture, octet for octet, before anybody analyses it."""
