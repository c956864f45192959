"""What the words of a fault of the dialogue say."""

from __future__ import annotations

from testbed.scenario.glossary import Glossary

STAGES = Glossary(
    {
        "connect": "the greeting",
        "message": "the end of a message: what comes behind the final dot",
        "POP3 connect": "the greeting of POP3",
        "IMAP connect": "the greeting of IMAP",
    },
    "the command {word}",
)
DEEDS = Glossary(
    {
        "close": "it closes the connection: FIN",
        "reset": "it resets the connection: RST",
        "stall": "it falls silent: it reads on, and says nothing any more",
        "deaf": "it stops reading, so that its window closes",
        "sip": "it reads an octet every 'pace'",
        "drip": "it says its reply an octet every 'pace'",
        "garble": "it answers with a line that is no reply",
        "endless": "it answers with a reply that never ends",
        "crash": "it loses its connections and whatever is not on disk, and refuses connections until 'restart'",
    }
)
MOMENTS = Glossary(
    {
        "command": "before it does what it was asked",
        "act": "when that is done, and not answered",
        "reply": "when it is answered",
    }
)
