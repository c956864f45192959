// Reads a folder with imapflow into a Maildir; the options of configuration/client.json go before.
const fs = require("fs");
const path = require("path");
const { ImapFlow } = require("imapflow");

const told = (name) => process.env["TESTBED_" + name] || "";
const box = path.join(told("DIRECTORY"), "mail");
const own = path.join(told("DIRECTORY"), "configuration", "client.json");
const client = new ImapFlow({
  host: told("SERVER"),
  port: Number(told("PORT")),
  secure: told("TLS") === "implicit",
  doSTARTTLS: told("TLS") === "none" ? false : told("TLS") === "starttls" ? true : undefined,
  tls: told("CA") ? { ca: fs.readFileSync(told("CA")) } : {},
  auth: { user: told("USER"), pass: told("PASSWORD") },
  logger: false,
  ...(fs.existsSync(own) ? JSON.parse(fs.readFileSync(own)) : {}),
});

async function read() {
  for (const part of ["new", "cur", "tmp"]) fs.mkdirSync(path.join(box, part), { recursive: true });
  await client.connect();
  const folder = told("FOLDER") || "INBOX";
  if (told("APPEND")) await client.append(folder, fs.readFileSync(0).toString("latin1").replace(/\n/g, "\r\n"));
  const lock = await client.getMailboxLock(folder);
  const criterion = told("SEARCH") ? { subject: told("SEARCH") } : { all: true };
  const found = await client.search(criterion, { uid: true });
  const range = (found || []).join(",");
  if (range) {
    for await (const message of client.fetch(range, { source: true }, { uid: true })) {
      fs.writeFileSync(path.join(box, "new", `${Date.now()}.${message.uid}`), message.source);
    }
    if (told("COPY")) await client.messageCopy(range, told("COPY"), { uid: true });
    if (told("MOVE")) await client.messageMove(range, told("MOVE"), { uid: true });
    if (told("DELETE")) await client.messageDelete(range, { uid: true });
  }
  console.log(`${found ? found.length : 0} messages`);
  lock.release();
  if (told("QUIT")) await client.logout();
  process.exit(0);
}

client.on("error", (error) => console.log(`error: ${error.message}`));
read().catch((error) => {
  console.log(`${error.code || ""} ${error.message} ${error.responseText || ""}`);
  process.exit(1);
});
