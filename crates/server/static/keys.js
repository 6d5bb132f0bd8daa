// The keys of the console: moving, looking and finding. One says that you look at a request; no key approves or denies.
// A plain module: it changes classes, focus and the address, and never makes markup.

import { later } from "./later.js";

const rows = () => [...document.querySelectorAll("[data-row]")].filter((row) => !row.hidden && row.checkVisibility?.() !== false);
const here = () => document.querySelector(".row.at") ?? document.activeElement?.closest?.("[data-row]");
let prefix = false;

/** Moves to the next or the previous request of the list; says whether there is one. */
function move(step) {
  const all = rows();
  if (all.length === 0) return false;
  const from = all.indexOf(here());
  const to = all[Math.max(0, Math.min(all.length - 1, from < 0 && step < 0 ? 0 : from + step))];
  document.querySelectorAll(".row.at").forEach((row) => row.classList.remove("at"));
  to.classList.add("at");
  to.querySelector("a.sentence, summary")?.focus({ preventScroll: true });
  to.scrollIntoView({ block: "nearest" });
  return true;
}

/** Presses something of the request that one stands on. */
function press(what) {
  const found = here()?.querySelector(what);
  found?.click();
  return Boolean(found);
}

/** What reminds: of no use to whoever asked for nothing, so it is loaded once somebody did. */
const reminders = () => later("remind.js").then(() => import("./remind.js"));

/** Asks when to be reminded of the request that one stands on, or whose page it is. */
function remind() {
  const place = (here() ?? document.querySelector(".strip"))?.querySelector("[data-left]");
  if (!place) return false;
  reminders().then(({ ask }) => ask(place));
  return true;
}

/** Back to the list that this page was reached from. */
function back() {
  const request = location.pathname.replace(/\/deciders$/, "");
  if (document.body.dataset.part === "deciders") location.assign(request);
  else location.assign(document.body.dataset.part === "request" && document.getElementById("t-happened") ? "/decided" : "/");
}

/** Hides the requests without the words in the field; the list itself stays as it is. */
function filter() {
  const field = document.getElementById("find");
  if (!field) return;
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of document.querySelectorAll("[data-row]")) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
    if (row.hidden) row.classList.remove("at");
    else if (words.length > 0) row.closest("details")?.setAttribute("open", "");
  }
}

function find() {
  if (!document.querySelector("[data-list]")) return false;
  let field = document.getElementById("find");
  if (!field) {
    field = document.createElement("input");
    field.id = "find";
    field.type = "search";
    field.className = "find finding";
    field.setAttribute("aria-label", "Find in the list");
    field.placeholder = "Find in the list";
    field.addEventListener("input", filter);
    document.querySelector(".head").append(field);
  }
  field.focus();
  return true;
}

let help;
let palette;
/** What is typed while they are on their way is for them, and is no key of the page. */
let opening = false;

/** The help and the palette, asked for once somebody wants one of them; read by the browser into a document that runs nothing. */
async function fetched() {
  opening = true;
  fetched.once ??= new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    call.open("GET", "/static/help.html");
    call.responseType = "document";
    call.onload = () => resolve(call.response);
    call.onerror = reject;
    call.send();
  }).then((from) => {
    [help, palette] = ["keys", "palette"].map((id) => document.body.appendChild(document.importNode(from.getElementById(id), true)));
    wire();
  }).catch(() => { fetched.once = undefined; });
  await fetched.once;
  opening = false;
}

/** The keys of this page: a line about something that is not on it is not shown. */
async function explain() {
  await fetched();
  if (!help || document.querySelector("dialog[open]")) return;
  for (const line of help.querySelectorAll("[data-for]")) line.hidden = !document.querySelector(line.dataset.for);
  help.showModal();
}

/** What each does; where there is nothing to do it with, it says false. */
const keys = {
  j: () => move(1),
  k: () => move(-1),
  u: back,
  o: () => press("a.sentence"),
  c: () => press("[data-claim]"),
  h: remind,
  y: () => navigator.clipboard?.writeText(location.href),
  "/": find,
  "?": explain,
  ":": goTo,
  g: () => {
    prefix = true;
    setTimeout(() => { prefix = false; }, 1500);
  },
};
const after_g = { i: "/", t: "/?view=team", e: "/?view=expiring", a: "/?view=accountable", l: "/?view=all", d: "/decided", w: "/workloads", o: "/overview", p: "/policy", k: "/keys" };

/** The palette: pages by their names, and requests by their ids. */
async function goTo() {
  await fetched();
  if (!palette || document.querySelector("dialog[open]")) return;
  const field = palette.querySelector("input");
  field.value = "";
  choose();
  palette.showModal();
  field.focus();
}

const lines = () => [...palette.querySelectorAll("li")];
const links = () => lines().filter((line) => !line.hidden).map((line) => line.querySelector("a"));

/** Shows the pages with the words in the field. */
function choose() {
  const words = palette.querySelector("input").value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const line of lines()) {
    const text = line.textContent.toLowerCase();
    line.hidden = !words.every((word) => text.includes(word));
  }
}

/** What the palette does once it is there. */
function wire() {
  palette.querySelector("input").addEventListener("input", choose);
  palette.querySelector("form").addEventListener("submit", (event) => {
    const found = links();
    if (found.length === 0) return;
    event.preventDefault();
    location.assign(found[0].href);
  });
  palette.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const all = [palette.querySelector("input"), ...links()];
    const to = all[Math.max(0, Math.min(all.length - 1, all.indexOf(document.activeElement) + step))];
    to.focus();
    event.preventDefault();
  });
}

document.addEventListener("rows", filter);
document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.defaultPrevented) return;
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
    goTo();
    event.preventDefault();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const field = event.target.closest?.("input, textarea, select");
  if (event.key === "Escape") {
    if (document.querySelector("dialog[open]")) return;
    if (field) field.blur();
    else if (["request", "deciders"].includes(document.body.dataset.part)) back();
    return;
  }
  if (field || opening || document.querySelector("dialog[open]")) return;
  if (prefix && after_g[event.key]) {
    location.assign(after_g[event.key]);
    event.preventDefault();
    return;
  }
  prefix = false;
  const act = keys[event.key];
  if (act && act() !== false) event.preventDefault();
});

// Somebody asked this browser to be reminded of something.
if (Object.keys(localStorage).some((name) => name.startsWith("remind:"))) reminders();

// The list that a request is opened from, with what is folded in it, for the keys that go on to the next one.
addEventListener("pagehide", () => {
  const all = [...document.querySelectorAll("[data-row]:not([hidden]) a.sentence")].map((link) => link.getAttribute("href"));
  if (all.length > 0) sessionStorage.setItem("list", JSON.stringify(all));
});

// It says that the person is there, at most every four minutes and only when they did something: reading a page, or leaving it open,
// keeps nobody signed in.
const EVERY = 4 * 60 * 1000;
const signs = document.getElementById("seen");
let last = Date.now() - Number(signs?.dataset.ago ?? 0) * 1000;

async function seen() {
  if (!signs || document.prerendering || Date.now() - last < EVERY) return;
  last = Date.now();
  const answer = await fetch(signs.action, { method: "POST", body: new URLSearchParams(new FormData(signs)) });
  if (answer.status === 403) location.assign("/sign-in");
}

for (const sign of ["pointerdown", "keydown"]) {
  document.addEventListener(sign, () => { seen().catch(() => {}); }, { passive: true });
}
