// Adds to a page that can be read without it: search, folding, keys, the octets of packets.
(function () {
  "use strict";
  const $ = (name) => document.getElementById(name);
  const all = (selector, within) => Array.from((within || document).querySelectorAll(selector));
  document.documentElement.classList.add("runs");

  // --- the octets of a packet, out of the capture that is in the page

  const captures = new Map();
  function capture(name) {
    if (!captures.has(name)) {
      const link = $(name);
      captures.set(name, link ? atob(link.href.slice(link.href.indexOf(",") + 1)) : "");
    }
    return captures.get(name);
  }

  function hexDump(octets) {
    const lines = [];
    for (let at = 0; at < octets.length; at += 16) {
      const row = octets.slice(at, at + 16);
      const hex = Array.from(row, (c) => c.charCodeAt(0).toString(16).padStart(2, "0"));
      const halves = hex.slice(0, 8).join(" ").padEnd(23) + "  " + hex.slice(8).join(" ").padEnd(23);
      lines.push(at.toString(16).padStart(4, "0") + "  " + halves + "  " + row.replace(/[^\x20-\x7e]/g, "."));
    }
    return lines.join("\n");
  }

  let here = null;
  function show(row) {
    if (here) here.classList.remove("here");
    here = row;
    row.classList.add("here");
    const panel = $("octets"), holder = row.closest("[data-capture]");
    if (!row.dataset.at || !holder) { panel.hidden = true; return; }
    const [offset, length] = row.dataset.at.split(",").map(Number);
    const frame = row.id.slice(row.id.lastIndexOf("=") + 1), said = row.querySelector(".said");
    panel.querySelector("h2").textContent = "Frame " + frame + ", " + length.toLocaleString("en") + " octets captured";
    panel.querySelector(".about").textContent = said ? said.textContent.trim() : "";
    panel.querySelector("pre").textContent = hexDump(capture(holder.dataset.capture).slice(offset, offset + length));
    panel.hidden = false;
  }

  async function follow() {
    const name = decodeURIComponent(location.hash.slice(1)), holder = $(name.split(".")[0]);
    if (holder && holder.matches(".scenario")) { holder.open = true; await unpack(holder); }
    const row = $(name);
    if (!row) return;
    for (let around = row; around; around = around.parentElement) if (around.tagName === "DETAILS") around.open = true;
    row.scrollIntoView({block: "center"});
    if (row.id.includes("frame=")) show(row);
  }
  addEventListener("hashchange", follow);

  document.addEventListener("click", (event) => {
    const row = event.target.closest(".rung[data-at]");
    if (row && !event.target.closest("a") && !getSelection().toString()) show(row);
  });
  $("octets").querySelector(".close").addEventListener("click", () => { $("octets").hidden = true; });

  // --- search, and only what went wrong

  const search = $("search"), wrong = $("wrong"), hits = $("hits");
  const isWrong = (item) => item.matches(".error, .warning, .fault, .failed");
  function sift() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const items = all("[data-item], .connection, .timeline > .line");
    let found = 0;
    for (const item of items) {
      const text = words.length ? item.textContent.toLowerCase() : "";
      item.hidden = !words.every((word) => text.includes(word)) || (wrong.checked && !isWrong(item));
      if (!item.hidden) found += 1;
    }
    hits.textContent = words.length || wrong.checked ? found + " of " + items.length : "";
  }
  if (search) {
    search.addEventListener("input", sift);
    wrong.addEventListener("change", sift);
    $("unfold").addEventListener("click", (event) => {
      const open = event.target.textContent.startsWith("Unfold");
      all("details.connection, details.scenario").forEach((one) => { one.open = open; });
      event.target.textContent = open ? "Fold all" : "Unfold all";
    });
  }

  // --- what is packed, so that a page of many scenarios stays small

  async function unpacked(text) {
    const stream = new DecompressionStream("deflate"), writer = stream.writable.getWriter();
    writer.write(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
    writer.close();
    const reader = stream.readable.getReader(), decoder = new TextDecoder();
    let whole = "";
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) whole += decoder.decode(piece.value, {stream: true});
    return whole + decoder.decode();
  }
  let packed = null;  // lines without their numbers, the numbers of each line, the lines of each body
  function table() {
    const parts = ["packed-lines", "packed-numbers", "packed-bodies"];
    if (!packed) packed = Promise.all(parts.map(async (name) => (await unpacked($(name).textContent)).split("\n")))
      .then(([lines, numbers, bodies]) => [lines.map((line) => line.split("\ue001")), numbers.map((line) => line.split(" ")), bodies.map((body) => body.split(","))]);
    return packed;
  }
  function bodyOf(number, [lines, numbers, bodies]) {
    const used = lines.map(() => 0);  // numbers of each line, in the bodies before
    for (const body of bodies.slice(0, number)) for (const line of body) used[line] += lines[line].length - 1;
    const whole = (line) => lines[line].reduce((text, part) => text + numbers[line][used[line]++] + part);
    return bodies[number].map(whole).join("\n");
  }
  async function unpack(holder) {
    const place = holder.querySelector(":scope > .unpacked");
    if (!place || place.dataset.done) return;
    place.dataset.done = "yes";
    place.innerHTML = bodyOf(Number(holder.dataset.packed), await table()).replaceAll("\ue000", holder.id);
  }
  document.addEventListener("toggle", (event) => { if (event.target.open) unpack(event.target); }, true);

  // --- keys

  function step(selector, by) {
    const items = all(selector).filter((item) => item.offsetParent !== null);
    const at = items.findIndex((item) => item.contains(document.activeElement) || item === here);
    const next = items[Math.min(items.length - 1, Math.max(0, at + by))];
    if (!next) return;
    const focus = next.querySelector("summary, a");
    if (focus) focus.focus();
    if (next.matches(".rung")) show(next);
    next.scrollIntoView({block: "nearest"});
  }
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") { $("octets").hidden = true; return; }
    if (event.target.matches("input, textarea, pre") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/" && search) { event.preventDefault(); search.focus(); }
    else if (event.key === "j") step(".connection", 1);
    else if (event.key === "k") step(".connection", -1);
    else if (here && event.key === "ArrowDown") { event.preventDefault(); step(".rung", 1); }
    else if (here && event.key === "ArrowUp") { event.preventDefault(); step(".rung", -1); }
  });
  addEventListener("beforeprint", () => all("details").forEach((one) => { one.open = true; }));
  follow();
})();
