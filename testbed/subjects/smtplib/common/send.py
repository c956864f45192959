"""Sends the message on standard input with smtplib."""

import os
import smtplib
import ssl
import sys
from email import message_from_binary_file
from email.policy import SMTP

told = {name.removeprefix("TESTBED_"): value for name, value in os.environ.items() if name.startswith("TESTBED_")}
message = message_from_binary_file(sys.stdin.buffer, policy=SMTP)
server, port, own_name = told["SERVER"], int(told["PORT"]), told["NAME"]
context = ssl.create_default_context(cafile=told.get("CA"))
mail_options = [f"RET={told['RETURNED']}"] if told["RETURNED"] else []
xtext = "".join(
    c if "!" <= c <= "~" and c not in "+=" else f"+{ord(c):02X}" for c in told["ENVELOPE_ID"]
)  # RFC 3461 §4
mail_options += [f"ENVID={xtext}"] if xtext else []
rcpt_options = [f"NOTIFY={told['NOTIFY']}"] if told["NOTIFY"] else []
try:
    if told["TLS"] == "implicit":
        session: smtplib.SMTP = smtplib.SMTP_SSL(server, port, own_name, context=context)
    else:
        session = smtplib.SMTP(server, port, own_name)
    with session:
        if told["TLS"] == "starttls":
            session.starttls(context=context)
        if told["USER"]:
            session.login(told["USER"], told["PASSWORD"])
        refused = session.send_message(message, told["SENDER"], told["RECIPIENTS"].split(), mail_options, rcpt_options)
except (smtplib.SMTPException, OSError) as error:
    sys.exit(f"{type(error).__name__}: {error}")
for recipient, (code, reply) in refused.items():
    print(f"{recipient} is refused: {code} {reply.decode(errors='replace')}")
sys.exit(1 if refused else 0)
