// The lab live.  What labs say is a stranger's: it becomes text, never markup.
"use strict";

const $ = (name) => document.getElementById(name);
const JUMPS = ["1m", "30m", "1h", "5h", "1d", "5d"];
const FAULTS = {
  "mail server": [
    ["refuses every recipient (452)", (host) => ({at: host, on: "RCPT", reply: "452 4.3.1 Out of space"})],
    ["refuses everybody, for good (554)", (host) => ({at: host, on: "connect", reply: "554 5.3.2 Never"})],
    ["hangs up behind the final dot", (host) => ({at: host, on: "message", then: "reset"})],
    ["says nothing any more", (host) => ({at: host, on: "MAIL", then: "stall"})],
    ["is silent: packets vanish", (host) => ({host, is: "silent"})],
    ["refuses connections (RST)", (host) => ({host, is: "refused"})],
    ["has crashed", (host) => ({host, is: "crashed"})],
    ["has a full disk", (host) => ({host, is: "full-disk"})],
  ],
  "name server": [
    ["is silent: packets vanish", (host) => ({host, is: "silent"})],
  ],
  mailbox: [["is full", (mailbox) => ({mailbox, is: "full"})]],
  zone: [
    ["questions fail (SERVFAIL)", (zone) => ({zone, answer: "SERVFAIL"})],
    ["does not exist (NXDOMAIN)", (zone) => ({zone, answer: "NXDOMAIN"})],
  ],
};
const KINDS = {relay: "mail server", receiver: "mail server", "name-server": "name server"};

let token = "", lab = "", known = 0, seen = new Map(), places = new Map(), mailbox = "", asking = false;

// --- asking

async function ask(method, path, body) {
  const headers = {Authorization: "Bearer " + token};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, {method, headers, body: body === undefined ? undefined : JSON.stringify(body)});
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({detail: answer.statusText}));
  throw Object.assign(new Error(problem.detail), {status: answer.status});
}

const json = async (path) => (await ask("GET", path)).json();
const labPath = (rest) => "/labs/" + encodeURIComponent(lab) + rest;

function tell(error) {
  if (error.status === 401) { enter(); return; }
  $("problem").textContent = error instanceof TypeError ? "The testbed does not answer any more." : error.message;
}

async function doing(button, deed) {
  button.disabled = true;
  $("problem").textContent = "";
  try { await deed(); } catch (error) { tell(error); }
  button.disabled = false;
  await look();
}

function on(form, deed) {
  $(form).addEventListener("submit", (event) => {
    event.preventDefault();
    doing($(form).querySelector("button:not([type=button])"), deed);
  });
}
const onClick = (name, deed) => $(name).addEventListener("click", () => doing($(name), deed));

// --- making

function make(tag, words, properties) {
  const node = document.createElement(tag);
  if (words !== undefined) node.textContent = words;
  return Object.assign(node, properties || {});
}

function button(words, key, deed) {
  const node = make("button", words, {type: "button"});
  node.dataset.key = key;
  node.addEventListener("click", () => doing(node, deed));
  return node;
}

// Put what is made of a value into a node, where the value has changed; whoever had the focus has it again.
function fill(name, value, build) {
  const text = JSON.stringify(value);
  if (seen.get(name) === text) return;
  seen.set(name, text);
  const node = $(name), focus = node.contains(document.activeElement) ? document.activeElement.dataset.key : "";
  node.replaceChildren(...build(value));
  if (focus) for (const one of node.querySelectorAll("[data-key]")) if (one.dataset.key === focus) one.focus();
}

function span(seconds) {
  let left = Math.round(seconds);
  const parts = [];
  for (const [unit, length] of [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]]) {
    const count = Math.floor(left / length);
    left -= count * length;
    if (count) parts.push(count + " " + unit);
  }
  return parts.slice(0, 2).join(" ") || "0 s";
}

const counted = (number, word) => number + " " + word + (number === 1 ? "" : "s");

// --- the lab

function host(one, services) {
  const item = make("li", undefined, {className: one.runs ? "" : "down"});
  item.append(make("h3", one.name));
  item.append(make("p", one.role.replace("-", " ") + " · " + one.address + (one.runs ? "" : " · has crashed"), {className: "quiet"}));
  for (const box of one.mailboxes) {
    const open = button("✉ " + box.address + ": " + counted(box.messages, "message"), "box " + box.address, () => read(box.address));
    open.className = "box";
    item.append(open);
  }
  if (one.queue.length) item.append(make("p", "Queue: " + counted(one.queue.length, "recipient")));
  for (const owed of one.queue) {
    const words = owed.recipient + " · " + (owed.attempts === 1 ? "tried once" : "tried " + counted(owed.attempts, "time"));
    const row = make("p", words + " · again in ", {className: "queued"});
    row.append(make("span", "", {className: "due"}));
    item.append(row);
  }
  const own = services.filter((service) => service.host === one.name && service.port);
  const list = make("ul", undefined, {className: "places"});
  for (const service of own) list.append(place(service));
  if (own.length) item.append(list);
  return item;
}

function place(service) {
  const item = make("li", service.name + " "), words = service.address + ":" + service.port;
  const web = service.name === "http" || service.name === "https";
  item.append(web ? make("a", words, {href: service.name + "://" + words + "/", target: "_blank", rel: "noreferrer noopener"}) : words);
  return item;
}

function option(value, words) { return make("option", words === undefined ? value : words, {value}); }

function choices(view) {
  places = new Map();
  for (const one of view.hosts) {
    if (KINDS[one.role]) places.set(one.name, KINDS[one.role]);
    for (const box of one.mailboxes) places.set(box.address, "mailbox");
  }
  for (const domain of new Set([...places.keys()].filter((name) => name.includes("@")).map((name) => name.split("@")[1])))
    places.set("the domain " + domain, "zone");
  fill("where", [...places.keys()], (names) => names.map((name) => option(name)));
  whats();
  const boxes = view.hosts.flatMap((one) => one.mailboxes.map((box) => box.address)).reverse();
  fill("to", boxes, (names) => names.map((name) => option(name)));
}

function whats() {
  const kind = places.get($("where").value) || "mail server";
  fill("what", kind + $("where").value, () => FAULTS[kind].map(([words], number) => option(String(number), words)));
  if ($("what").dataset.of !== $("where").value) { $("what").dataset.of = $("where").value; said(); }
}

function said() {
  const where = $("where").value, kind = places.get(where);
  if (kind) $("said").value = JSON.stringify(FAULTS[kind][Number($("what").value) || 0][1](where.replace("the domain ", "")));
}

function fault(one) {
  const item = make("li", undefined, {className: one.lifted ? "lifted" : ""});
  item.append(make("span", one.description + (one.lifted ? " (lifted)" : "")));
  if (!one.lifted) item.append(button("Lift", "lift " + one.number, () => ask("DELETE", labPath("/faults/" + one.number))));
  return item;
}

function line(one) {
  const kind = one.event.startsWith("fault") || one.event === "crashed" ? "fault" : one.event;
  const row = make("p", undefined, {className: kind});
  row.hidden = kind === "answered" && !$("all").checked;
  row.append(make("time", span(one.seconds)), make("b", one.host), make("span", one.message));
  return row;
}

function show(view) {
  document.title = $("title").textContent = view.title;
  const state = view.state === "ended" ? "has ended" : view.busy ? "is at work …" : "is open";
  if ($("state").textContent !== state) $("state").textContent = state;
  $("clock").textContent = span(view.seconds);
  // What ticks is written over what is there: a button that is made anew every second cannot be pressed.
  const still = view.hosts.map((one) => ({...one, queue: one.queue.map((owed) => ({...owed, due_seconds: 0}))}));
  fill("hosts", [still, view.services], () => view.hosts.map((one) => host(one, view.services)));
  const dues = view.hosts.flatMap((one) => one.queue.map((owed) => owed.due_seconds));
  $("hosts").querySelectorAll(".due").forEach((node, number) => { node.textContent = span(dues[number]); });
  fill("faults", view.faults, (faults) => [...faults].reverse().map(fault));
  choices(view);
  for (const name of ["wait", "send", "fault"]) for (const part of $(name).elements) if (view.state === "ended") part.disabled = true;
  const log = $("log"), below = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  for (const one of view.log) if (one.number > known) { log.append(line(one)); known = one.number; }
  while (log.childElementCount > 2000) log.firstElementChild.remove();
  if (below) log.scrollTop = log.scrollHeight;
}

async function look() {
  if (asking || !token) return;
  asking = true;
  try {
    const labs = await json("/labs");
    fill("labs", labs, (all) => all.map((one) => option(one.id, one.id + ": " + one.title + (one.state === "ended" ? " (ended)" : ""))));
    if (!labs.some((one) => one.id === lab)) choose(labs.length ? labs[labs.length - 1].id : "");
    $("main").hidden = !lab;
    if (!lab) $("state").textContent = "No lab is open.";
    $("labs").value = lab;
    if (lab) show(await json(labPath("?after=" + known)));
  } catch (error) { tell(error); }
  asking = false;
}

function choose(number) {
  lab = number;
  known = 0;
  seen = new Map();
  for (const name of ["log", "verdicts"]) $(name).replaceChildren();
  for (const name of ["wait", "send", "fault"]) for (const part of $(name).elements) part.disabled = false;
}

// --- mail

async function read(address) {
  mailbox = address;
  const found = await json(labPath("/mailboxes/" + encodeURIComponent(address) + "/messages"));
  $("mail-title").textContent = address + ": " + counted(found.length, "message");
  $("messages").replaceChildren(...found.reverse().map(letter));
  if (!$("mail").open) $("mail").showModal();
}

function letter(one) {
  const item = make("article", undefined, {className: "message"});
  item.append(make("h3", one.subject || "(no subject)"), make("p", "From " + one.sender + " · " + one.date, {className: "quiet"}));
  const body = make("pre", one.text === null ? one.html || "" : one.text, {tabIndex: 0});
  body.setAttribute("aria-label", "Text");
  item.append(body);
  if (one.attachments.length) item.append(make("p", "Attached: " + one.attachments.map((part) => part.name || part.media_type).join(", ")));
  const header = make("details");
  const lines = make("pre", one.headers.map(([name, value]) => name + ": " + value).join("\n"), {tabIndex: 0});
  lines.setAttribute("aria-label", "Header");
  header.append(make("summary", "Header"), lines);
  item.append(header);
  return item;
}

// --- what the trace shows

function verdict(mood, mark, words) {
  const item = make("li", undefined, {className: mood});
  item.append(make("span", mark), make("span", words));
  return item;
}

async function judged() {
  const [told, found] = [await json(labPath("/verdicts")), await json(labPath("/findings"))];
  const so = told.so_far ? " so far" : "", rows = [];
  for (const one of [...told.expectations, ...told.checks])
    rows.push(verdict(one.held ? "held" : "error", one.held ? "✓" : "✗", one.what + (one.held ? ": holds" : ": does not hold") + so + "; " + one.why));
  for (const one of found.findings) rows.push(verdict(one.severity, "•", one.text + (one.certain ? "" : " (so far)")));
  $("verdicts").replaceChildren(...rows);
}

async function download(what, ending) {
  const answer = await ask("GET", labPath(what));
  const link = make("a", "", {href: URL.createObjectURL(await answer.blob()), download: "lab-" + lab + ending});
  link.click();
  URL.revokeObjectURL(link.href);
}

// --- entering

function enter() {
  token = "";
  $("entrance").hidden = false;
  $("main").hidden = true;
  $("token").focus();
}

function entered(word) {
  token = word;
  sessionStorage.setItem("token", word);
  $("entrance").hidden = true;
  $("problem").textContent = "";
}

for (const jump of JUMPS) $("jumps").append(button("+" + jump.replace("m", " min").replace(/[hd]/, " $&"), "jump " + jump, () => ask("POST", labPath("/wait"), {duration: jump})));
on("entrance", async () => entered($("token").value.trim()));
on("wait", () => ask("POST", labPath("/wait"), {duration: $("wait").elements.duration.value}));
on("send", () => ask("POST", labPath("/steps"), {send: {to: $("to").value, subject: $("subject").value, body: $("body").value}}));
on("fault", async () => {
  let words;
  try { words = JSON.parse($("said").value); } catch (error) { throw new Error("The fault is no JSON: " + error.message); }
  await ask("POST", labPath("/faults"), words);
});
on("bring", async () => {
  const answer = await ask("POST", "/labs", {scenario: $("scenario").value.trim() || null, play_steps: $("plays").checked});
  $("order").close();
  choose((await answer.json()).id);
});
onClick("judge", judged);
onClick("trace", () => download("/trace", ".pcapng"));
onClick("report", () => download("/report", ".html"));
onClick("end", async () => { await ask("POST", labPath("/end")); await judged(); });
onClick("empty", async () => { await ask("DELETE", labPath("/mailboxes/" + encodeURIComponent(mailbox) + "/messages")); await read(mailbox); });
$("close").addEventListener("click", () => $("mail").close());
$("leave").addEventListener("click", () => $("order").close());
$("new").addEventListener("click", () => $("order").showModal());
$("labs").addEventListener("change", () => { choose($("labs").value); look(); });
$("where").addEventListener("change", whats);
$("what").addEventListener("change", said);
$("all").addEventListener("change", () => { for (const row of $("log").querySelectorAll(".answered")) row.hidden = !$("all").checked; });

const given = location.hash.slice(1);
if (/^[\w-]{20,}$/.test(given)) {
  entered(given);
  history.replaceState(null, "", "/"); // it is not to stay in what the browser shows and remembers
} else {
  token = sessionStorage.getItem("token") || "";
  if (!token) enter();
}
look();
setInterval(() => { if (!document.hidden) look(); }, 1000);
