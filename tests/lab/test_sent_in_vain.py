"""What a relay still sends when its server has said 421 and FIN reaches nobody: it may well say QUIT in mid-message."""

from __future__ import annotations

import pytest

from testbed.expect.conservation import UNALTERED, judge_conservation
from testbed.expect.conservation.passages import passages
from tests.trace.talk import Talk, watch

SAID = ("S 220 x", "C EHLO a", "S 250 x", "C MAIL FROM:<a@a>", "S 250 ok", "C RCPT TO:<b@x>", "S 250 ok")
TEXT = "C Message-ID: <1@a>\r\n\r\nhi"


@pytest.mark.parametrize(("ends", "altered"), [(True, False), (False, True)])
def test_only_what_somebody_could_take_was_altered(ends: bool, altered: bool) -> None:
    given = Talk().open().say(*SAID, "C DATA", "S 354 go", TEXT + "\r\n.", "S 250 ok", "C QUIT", "S 221 bye").close()
    handed = Talk(hosts=("10.0.0.2", "10.0.0.3")).open().say(*SAID, "C DATA", "S 354 go", TEXT)
    if ends:
        handed.say("S 421 4.3.2 Closing").segment(1, "FA")
    analysis = watch(given, handed.say("C QUIT\r\n."))
    assert (UNALTERED in [verdict.what for verdict in judge_conservation(analysis, passages(analysis))]) is altered
