// Sends the message on standard input with nodemailer; the options of configuration/transport.json go before.
const fs = require("fs");
const path = require("path");
const nodemailer = require("nodemailer");

const told = (name) => process.env["TESTBED_" + name] || "";
const own = path.join(told("DIRECTORY"), "configuration", "transport.json");
const transport = nodemailer.createTransport({
  host: told("SERVER"),
  port: Number(told("PORT")),
  name: told("NAME"),
  secure: told("TLS") === "implicit",
  requireTLS: told("TLS") === "starttls",
  ignoreTLS: told("TLS") === "none",
  tls: told("CA") ? { ca: fs.readFileSync(told("CA")) } : {},
  auth: told("USER") ? { user: told("USER"), pass: told("PASSWORD") } : undefined,
  ...(fs.existsSync(own) ? JSON.parse(fs.readFileSync(own)) : {}),
});
const notify = told("NOTIFY") ? told("NOTIFY").toLowerCase().split(",") : undefined;
const returned = { FULL: "full", HDRS: "headers" }[told("RETURNED")];
const dsn = { id: told("ENVELOPE_ID") || undefined, return: returned, notify };
transport
  .sendMail({
    envelope: { from: told("SENDER"), to: told("RECIPIENTS").split(" "), dsn },
    raw: fs.readFileSync(0),
    dsn,
  })
  .then((info) => {
    console.log(info.response);
    for (const error of info.rejectedErrors || []) console.log(error.message);
    process.exitCode = info.rejected.length ? 1 : 0;
    transport.close();
  })
  .catch((error) => {
    console.log(`${error.code} ${error.responseCode || ""} ${error.message}`);
    process.exit(1);
  });
