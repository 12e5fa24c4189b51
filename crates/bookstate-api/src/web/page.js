// Keeps a page up to date. Everything here is shown without it, too, as of when the page was asked for.
//
// Sections with `data-live` are replaced by newer ones of the same page, asked for at most every REFRESH_MS.
// In between, a book's events move its bars and fill its grid in place. The lag of targets is drawn as a
// chart.
"use strict";

const REFRESH_MS = 2000;
const LAG_MS = 1000;
const SAMPLES = { least: 30, most: 120 };
const CHART = { width: 240, height: 60 };

const main = document.getElementById("main");
const indicator = document.getElementById("live");
/** The last commit that was heard of: an older page is not shown. */
let seen = Number(main.dataset.seq ?? 0);
/** The page of the grid that was focused last. */
let focusedPage = "1";

function say(text) {
  if (indicator.textContent === text) return;
  indicator.hidden = false;
  indicator.textContent = text;
  indicator.dataset.ok = text === "live";
}

function word(name) {
  return name.replaceAll("_", " ");
}

function setState(element, state) {
  const badge = element?.querySelector(".badge");
  if (!badge || badge.dataset.state === state) return;
  badge.dataset.state = state;
  badge.textContent = word(state);
}

function setText(element, text) {
  if (element && element.textContent !== String(text)) element.textContent = text;
}

// Newer sections.

/** What finds an element again in a newer section. */
function mark(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  const label = element.getAttribute("aria-label");
  if (label) return `[aria-label="${CSS.escape(label)}"]`;
  const href = element.getAttribute("href");
  return href ? `[href="${CSS.escape(href)}"]` : null;
}

function replace(section, newer) {
  if (section.innerHTML === newer.innerHTML) return;
  const focused = section.contains(document.activeElement) ? mark(document.activeElement) : null;
  section.replaceChildren(...newer.childNodes);
  if (focused) section.querySelector(focused)?.focus({ preventScroll: true });
  rove(section);
}

let refreshing = false;
let wanted = false;

async function refresh() {
  if (refreshing || document.hidden) {
    wanted = true;
    return;
  }
  refreshing = true;
  wanted = false;
  try {
    const answer = await fetch(location.pathname + location.search, { headers: { accept: "text/html" } });
    // Sent to the form for the token.
    if (answer.redirected) location.reload();
    else if (answer.ok) {
      const newer = new DOMParser().parseFromString(await answer.text(), "text/html");
      const seq = Number(newer.getElementById("main")?.dataset.seq ?? 0);
      if (seq < seen) wanted = true;
      else show(newer);
    }
  } catch {
    say("server not reached");
  } finally {
    setTimeout(() => {
      refreshing = false;
      if (wanted) refresh();
    }, REFRESH_MS);
  }
}

function show(newer) {
  for (const section of document.querySelectorAll("[data-live]")) {
    const other = newer.getElementById(section.id);
    if (other) replace(section, other);
  }
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && wanted) refresh();
});

// A book's events.

function follow(url) {
  const events = new EventSource(url);
  events.addEventListener("open", () => say("live"));
  events.addEventListener("error", () => say("reconnecting"));
  events.addEventListener("commit", (event) => {
    const { seq, documents } = JSON.parse(event.data);
    seen = Math.max(seen, seq);
    fill(documents);
    refresh();
  });
  events.addEventListener("progress", (event) => {
    const { seq, book, job } = JSON.parse(event.data);
    seen = Math.max(seen, seq);
    move(book, job);
  });
  events.addEventListener("reload", (event) => {
    seen = JSON.parse(event.data).seq ?? 0;
    refresh();
  });
}

/** Pages that got a text, until a newer section says it in full. */
function fill(documents) {
  for (const name of documents) {
    const [collection, , page] = name.split("/");
    if (collection !== "OcrResult") continue;
    const cell = document.querySelector(`[data-page="${CSS.escape(page)}"]`);
    if (cell && cell.dataset.state !== "failed" && cell.dataset.state !== "empty") {
      cell.dataset.state = "read";
      cell.setAttribute("aria-label", `Page ${page}, read`);
    }
  }
}

function move(book, job) {
  for (const stage of book.stages) {
    const row = document.querySelector(`[data-stage="${CSS.escape(stage.stage)}"]`);
    if (!row) continue;
    const bar = row.querySelector("progress");
    bar.max = Math.max(stage.total, 1);
    bar.value = stage.done;
    setText(row.querySelector(".of"), `${stage.done}/${stage.total}`);
    row.dataset.state = stage.state;
    setState(row, stage.state);
    if (stage.stage === "ocr") setText(document.getElementById("pages-read"), stage.done);
  }
  if (book.status) setState(document.getElementById("about"), book.status);
  if (job) {
    const { activity, in_flight, units, reason } = job;
    const flight = `${in_flight} ${in_flight === 1 ? "unit" : "units"} in flight`;
    const text = `${activity}, ${flight}, ${units.run} done, ${units.failed} failed`;
    setText(document.getElementById("activity"), reason ? `${text}: ${reason}` : text);
  }
}

// The lag of targets.

const samples = new Map();

function seconds(value) {
  if (value <= 0) return "–";
  if (value < 1) return `${Math.ceil(value * 1000)} ms`;
  if (value < 60) return `${value.toFixed(1)} s`;
  if (value < 3600) return `${Math.floor(value / 60)} min ${Math.floor(value % 60)} s`;
  return `${Math.floor(value / 3600)} h ${Math.floor((value % 3600) / 60)} min`;
}

async function lag() {
  if (!document.hidden) {
    try {
      const answer = await fetch("/api/targets", { headers: { accept: "application/json" } });
      if (answer.ok) {
        (await answer.json()).targets.forEach(draw);
        say("live");
      }
    } catch {
      say("server not reached");
    }
  }
  setTimeout(lag, LAG_MS);
}

function draw(target) {
  const card = document.querySelector(`[data-target="${CSS.escape(target.name)}"]`);
  if (!card) return;
  setText(card.querySelector("[data-lag-commits]"), target.lag_commits);
  setText(card.querySelector("[data-lag-seconds]"), seconds(target.lag_seconds));
  setText(card.querySelector("[data-dirty]"), target.dirty);
  setText(card.querySelector("[data-parked-count]"), target.parked);
  setState(card, target.health);
  const reason = card.querySelector("[data-reason]");
  reason.hidden = !target.reason;
  setText(reason, target.reason ?? "");
  const listed = `${target.parked} ${target.behind.length}`;
  if (card.dataset.listed !== listed) {
    card.dataset.listed = listed;
    refresh();
  }
  const values = samples.get(target.name) ?? [];
  values.push(target.lag_commits);
  if (values.length > SAMPLES.most) values.shift();
  samples.set(target.name, values);
  chart(card, target.name, values);
}

function chart(card, name, values) {
  const highest = Math.max(...values);
  const top = Math.max(highest, 1);
  const samples = Math.max(values.length, SAMPLES.least);
  const step = CHART.width / (samples - 1);
  const first = CHART.width - step * (values.length - 1);
  const points = values.map((value, index) => {
    const y = CHART.height - 2 - (value / top) * (CHART.height - 6);
    return `${(first + index * step).toFixed(1)},${y.toFixed(1)}`;
  });
  const line = `M${points.join("L")}`;
  card.querySelector(".line").setAttribute("d", line);
  card.querySelector(".area").setAttribute("d", `${line}V${CHART.height}H${first.toFixed(1)}Z`);
  const now = values[values.length - 1];
  const time = `last ${samples} s`;
  const label = `Lag of ${name}: now ${now} commits, at most ${highest} in the ${time}`;
  card.querySelector("svg").setAttribute("aria-label", label);
  setText(card.querySelector("[data-top]"), `max ${highest}`);
  setText(card.querySelector("[data-time]"), `commits behind, ${time}`);
  card.querySelector("figure").hidden = false;
}

// The grid of pages is one stop of the keyboard; arrows move within it.

function cells(grid) {
  return [...grid.querySelectorAll("a")];
}

function rove(root) {
  for (const grid of root.querySelectorAll("[data-pages]")) {
    const all = cells(grid);
    const current = all.find((cell) => cell.dataset.page === focusedPage) ?? all[0];
    for (const cell of all) cell.tabIndex = cell === current ? 0 : -1;
  }
}

function perRow(all) {
  const next = all.findIndex((cell) => cell.offsetTop > all[0].offsetTop);
  return next > 0 ? next : all.length;
}

document.addEventListener("keydown", (event) => {
  const grid = event.target.closest?.("[data-pages]");
  if (!grid || event.ctrlKey || event.altKey || event.metaKey) return;
  const all = cells(grid);
  const at = all.indexOf(event.target);
  const row = perRow(all);
  const places = {
    ArrowRight: at + 1,
    ArrowLeft: at - 1,
    ArrowDown: at + row,
    ArrowUp: at - row,
    Home: 0,
    End: all.length - 1,
  };
  const cell = all[places[event.key]];
  if (!cell) return;
  event.preventDefault();
  cell.focus();
});

document.addEventListener("focusin", (event) => {
  const grid = event.target.closest?.("[data-pages]");
  if (!grid) return;
  focusedPage = event.target.dataset.page;
  rove(grid.parentElement);
});

rove(document);
for (const place of document.querySelectorAll("[data-origin]")) place.textContent = location.origin;
if (main.dataset.events) follow(main.dataset.events);
if (main.dataset.every) setInterval(refresh, Number(main.dataset.every));
if (document.querySelector("[data-targets]")) lag();
