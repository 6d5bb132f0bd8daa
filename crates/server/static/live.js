// Keeps the inbox as it is now. The gate says that this page has changed, never what; the page is then asked for again, read
// by the browser into a document that runs nothing, and only what differs is taken over, element by element, so that focus,
// selection and place stay. No markup is made here and no text becomes any: the templates of the gate are the only ones.

import { later } from "./later.js";

const live = document.getElementById("live");
const chip = document.getElementById("live-state");
const BEATS_MISSED = 45_000;
let source;
let heard = Date.now();
let ahead = Date.parse(live.dataset.now) - Date.now();
let asking = false;
let again = false;
let kept = false;
let over = false;
let failures = 0;
let fresh_rows = 0;
let reopening;

/** Says in one chip whether the page is live: a sign and words, and sometimes where to go. */
function say(kind, sign, words, to = undefined) {
  const now = `${kind} ${words}`;
  if (chip.dataset.now === now) return;
  chip.dataset.now = now;
  chip.hidden = false;
  chip.className = `chip ${kind}`;
  const mark = document.createElement("span");
  mark.className = "sign";
  mark.setAttribute("aria-hidden", "true");
  mark.textContent = sign;
  chip.replaceChildren(mark, words);
  if (to) {
    const link = document.createElement("a");
    link.href = to;
    link.textContent = "Sign in";
    chip.append(" ", link);
  }
}

const sayLive = () => say("good", "●", fresh_rows > 0 ? `Live, ${fresh_rows} new` : "Live");
const sayLost = () => { if (!over) say("bad", "▲", "Not live: the connection is lost, and this may be old"); };

function signedOut() {
  over = true;
  source?.close();
  say("bad", "▲", "Signed out: this is old.", "/sign-in");
}

/** The page as it is now. */
function page() {
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    call.open("GET", location.pathname + location.search);
    call.responseType = "document";
    call.timeout = 15_000;
    call.onload = () => resolve(call);
    call.onerror = call.ontimeout = reject;
    call.send();
  });
}

/** Asks for it, and takes over what differs; once more when it changed meanwhile. */
async function refresh() {
  if (over) return;
  if (asking) {
    again = true;
    return;
  }
  asking = true;
  try {
    do {
      again = false;
      const answer = await page();
      const to = new URL(answer.responseURL).pathname;
      const fresh = answer.response?.getElementById("live");
      if (to === "/sign-in") return signedOut();
      if (answer.status !== 200 || !fresh) throw new Error(`answered ${answer.status}`);
      takeOver(fresh);
      document.title = answer.response.title;
    } while (again);
  } catch {
    again = true;
    sayLost();
  } finally {
    asking = false;
  }
}

const keyed = (node) => [...node.children].filter((child) => child.dataset.key);
const rows = () => [...live.querySelectorAll("[data-row]")].filter((row) => !row.hidden && row.checkVisibility?.() !== false);
const named = (key) => [...live.querySelectorAll("[data-key]")].find((node) => node.dataset.key === key);

/** What has the focus, so that it is found again in what takes its place. */
function focused() {
  const element = document.activeElement;
  const within = live.contains(element) ? element.closest("[data-key]") : undefined;
  if (!within) return () => {};
  const number = rows().indexOf(element.closest("[data-row]"));
  const key = within.dataset.key;
  const href = element.getAttribute("href");
  const claims = element.hasAttribute("data-claim");
  return () => {
    if (document.activeElement === element) return;
    const now = named(key);
    const links = [...(now?.querySelectorAll("a") ?? [])];
    const left = rows();
    const neighbour = number < 0 ? undefined : left[Math.min(number, left.length - 1)];
    const found = (element.isConnected && element)
      || (claims && now?.querySelector("[data-claim]"))
      || links.find((link) => link.getAttribute("href") === href)
      || neighbour?.querySelector("a.sentence");
    found?.focus({ preventScroll: true });
  };
}

/** What stands at the top of the window, so that it stays there. */
function placed() {
  if (scrollY === 0) return () => {};
  const row = rows().find((one) => one.getBoundingClientRect().bottom > 0);
  if (!row) return () => {};
  const { key } = row.dataset;
  const { top } = row.getBoundingClientRect();
  return () => {
    const now = named(key);
    if (now) scrollBy(0, now.getBoundingClientRect().top - top);
  };
}

function takeOver(fresh) {
  const focus = focused();
  const place = placed();
  const known = new Set([...live.querySelectorAll("[data-row]")].map((row) => row.dataset.key));
  kept = false;
  merge(live, fresh);
  for (const row of live.querySelectorAll("[data-row]")) if (!known.has(row.dataset.key)) mark(row);
  live.dataset.events = fresh.dataset.events;
  place();
  focus();
  fresh_rows = live.querySelectorAll(".row.new").length;
  document.dispatchEvent(new Event("rows"));
}

/** Makes the parts of one element those of another, and touches none that says the same. */
function merge(old, fresh) {
  const known = new Map(keyed(old).map((child) => [child.dataset.key, child]));
  const wanted = keyed(fresh);
  const names = new Set(wanted.map((child) => child.dataset.key));
  for (const [key, child] of known) if (!names.has(key)) child.remove();
  let place = keyed(old)[0] ?? null;
  for (const child of wanted) {
    const there = known.get(child.dataset.key);
    if (!there) {
      old.insertBefore(document.importNode(child, true), place);
      continue;
    }
    if (there === place) place = keyed(old)[keyed(old).indexOf(there) + 1] ?? null;
    else old.insertBefore(there, place);
    if (child.hasAttribute("data-keyed")) merge(there, child);
    else if (!same(there, child)) replace(there, child);
  }
}

const same = (there, child) => (child.dataset.is ? there.dataset.is === child.dataset.is : there.isEqualNode(child));

function replace(there, child) {
  const selection = getSelection();
  if (selection && !selection.isCollapsed && selection.containsNode(there, true)) {
    // Somebody marks text in it: it changes when they have done so.
    kept = true;
    return;
  }
  const arrived = document.importNode(child, true);
  for (const name of ["at", "new"]) if (there.classList.contains(name)) arrived.classList.add(name);
  const isNew = there.querySelector(".arrived");
  if (isNew) arrived.querySelector(".marks")?.append(isNew);
  arrived.hidden = there.hidden;
  there.replaceWith(arrived);
}

/** Marks what has just arrived, until somebody looks at it. */
function mark(row) {
  row.classList.add("new");
  const word = document.createElement("span");
  word.className = "chip held arrived";
  word.textContent = "NEW";
  row.querySelector(".marks")?.append(word);
}

function looked(event) {
  const row = event.target.closest?.(".row.new");
  if (!row) return;
  row.classList.remove("new");
  row.querySelector(".arrived")?.remove();
  fresh_rows = live.querySelectorAll(".row.new").length;
  if (source?.readyState === EventSource.OPEN && !over) sayLive();
}

/** How long is left, by the clock of the gate. */
function count() {
  const now = Date.now() + ahead;
  for (const left of live.querySelectorAll("[data-left]")) {
    const until = left.parentElement.querySelector("time").dateTime;
    const seconds = Math.floor((Date.parse(until) - now) / 1000);
    const words = seconds >= 0 ? `in ${duration(seconds)}` : `${duration(-seconds)} ago`;
    if (left.textContent !== words) left.textContent = words;
  }
}

function duration(seconds) {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} days`;
}

function open() {
  if (over) return;
  source?.close();
  heard = Date.now();
  source = new EventSource(live.dataset.events);
  source.addEventListener("beat", (event) => {
    heard = Date.now();
    failures = 0;
    ahead = Date.parse(event.data) - heard;
    count();
    if (again) refresh();
    else sayLive();
  });
  source.addEventListener("changed", () => {
    heard = Date.now();
    refresh().then(() => { if (!again && !over) sayLive(); });
  });
  source.addEventListener("over", signedOut);
  source.addEventListener("error", () => {
    sayLost();
    if (source.readyState === EventSource.CLOSED) reopen();
  });
}

/** Asks again, later each time. */
function reopen() {
  if (over) return;
  source?.close();
  failures += 1;
  clearTimeout(reopening);
  reopening = setTimeout(() => refresh().then(open), Math.min(60_000, 1_500 * 2 ** failures));
}

setInterval(count, 1_000);
setInterval(() => {
  if (!over && source?.readyState === EventSource.OPEN && Date.now() - heard > BEATS_MISSED) {
    sayLost();
    reopen();
  }
}, 5_000);

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button?.matches("[data-claim]")) return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(event.target));
  fetch(button.formAction, { method: "POST", body, redirect: "manual" }).then((answer) => {
    const taken = answer.ok || answer.type === "opaqueredirect";
    return refresh().then(() => { if (!taken && !over) say("bad", "▲", "That was not taken; this is how it stands"); });
  }).catch(sayLost);
});
/** What selects several at once is loaded when somebody does. */
const select = document.getElementById("select");
const selecting = (row) => later("select.js").then(() => import("./select.js")).then(({ toggle }) => toggle(row))
  .catch(() => {
    select.disabled = true;
    select.replaceChildren("Nothing can be selected now: load this page again");
  });
select.hidden = false;
select.addEventListener("click", () => selecting());
document.addEventListener("keydown", (event) => {
  if (event.key !== "x" || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest?.("input:not([type=checkbox]), textarea, select") || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  selecting(document.querySelector(".row.at") ?? document.activeElement?.closest?.("[data-row]"));
});
document.addEventListener("selectionchange", () => { if (kept && getSelection().isCollapsed) refresh(); });
live.addEventListener("focusin", looked);
live.addEventListener("pointerover", looked);
addEventListener("pagehide", () => source?.close());
addEventListener("pageshow", (event) => { if (event.persisted) refresh().then(open); });
open();
