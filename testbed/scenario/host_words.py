"""What the fixed words of hosts, and of steps and expectations beside them, say."""

from __future__ import annotations

from testbed.scenario.glossary import Glossary

TLS_POLICIES = Glossary(
    {
        "none": "it sends in clear",
        "opportunistic": "TLS where it is offered, with any certificate",
        "required": "only with TLS and a good certificate; otherwise the mail waits",
        "dane": "by the domain's TLSA records; opportunistic where there are none (RFC 7672)",
        "dane-only": "by the domain's TLSA records; without them the mail waits",
        "mta-sts": "by the domain's MTA-STS policy; opportunistic where there is none (RFC 8461)",
        "published": "by TLSA records, or else by the MTA-STS policy",
    }
)
CLOCKS = Glossary(
    {
        "real": "nothing jumps while it runs",
        "scenario": "its waits of hours pass at once; a C compiler must be here",
    }
)
KEY_TYPES = Glossary({"ed25519": "RFC 8463", "rsa": "half a second to be made"})
PUBLISHED = Glossary(
    {
        "key": "the key that signs",
        "another key": "a key that did not sign",
        "revoked": "a record without a key: p=",
        "nothing": "no record",
    }
)
FORWARDED_FROM = Glossary({"keep": "the author's", "own": "the user's own address, 'Alice via …'"})
LIST_FROM = Glossary({"keep": "the author's", "munge": "the list's address, 'Alice via Team'"})
RETURN_PATHS = Glossary(
    {
        "bounces": "LIST-bounces",
        "verp": "LIST-bounces with the member in it",
        "keep": "the author's",
    }
)
STS_MODES = Glossary(
    {
        "enforce": "senders do not deliver where the policy is not kept",
        "testing": "senders deliver and report",
        "none": "the domain has no policy any more",
    }
)
CHECKS = Glossary(
    {
        "spf": "whether the client may send for the envelope's domain (RFC 7208)",
        "dkim": "whether signatures fit (RFC 6376)",
        "dmarc": "whether SPF or DKIM passes for the domain in From (RFC 9989)",
        "arc": "whether the seals of those who passed it on fit (RFC 8617)",
        "ptr": "whether the client's address has a name that leads back to it",
        "dnsbl": "whether the client's address is in a block list (RFC 5782)",
    }
)
HANDSHAKES = Glossary(
    {
        "complete": "SYN, SYN-ACK, ACK",
        "refused": "the SYN is answered with RST",
        "unanswered": "nothing answers the SYN",
        "unreachable": "ICMP answers the SYN",
        "incomplete": "it began, and was not completed",
    }
)
