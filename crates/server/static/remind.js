// `h`: this browser reminds whoever looks of a request, and never after the time to decide is over. What it keeps is which request and
// when, here and nowhere else: the gate knows nothing of it, nothing waits for it, and nobody decides by it.

const person = document.querySelector(".who .human")?.textContent ?? "";
const PLACE = `remind:${person}`;
/** After so many seconds, as people say them. */
const AFTER = [[300, "5 min"], [900, "15 min"], [3_600, "1 h"], [14_400, "4 h"]];
/** So long before the end, in seconds, one is reminded at the latest. */
const LAST = 120;

function el(name, properties, ...content) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...content);
  return made;
}

/** Which requests, and when each: by the clock of this browser, which runs as far as the next hours go. */
const kept = () => JSON.parse(localStorage.getItem(PLACE) ?? "{}");

function keep(id, at) {
  const all = kept();
  if (at === null) delete all[id];
  else all[id] = at;
  if (Object.keys(all).length > 0) localStorage.setItem(PLACE, JSON.stringify(all));
  else localStorage.removeItem(PLACE);
  draw();
}

/** How many seconds are left, as the page says it, by the clock of the gate. */
function left(place) {
  const page = document.querySelector("[data-now]").dataset.now;
  const passed = (performance.now() - (performance.getEntriesByType("navigation")[0]?.responseStart ?? 0)) / 1_000;
  const until = place.parentElement.querySelector("time").dateTime;
  return Math.floor((Date.parse(until) - Date.parse(page)) / 1_000 - passed);
}

const ofPage = () => location.pathname.split("/").pop();

/** Asks when, for the request whose deadline stands at this place. */
export function ask(place) {
  const row = place.closest("[data-row]");
  const id = row?.dataset.key ?? ofPage();
  const most = left(place) - LAST;
  const choices = AFTER.filter(([seconds]) => seconds < most);
  if (most > 0) choices.push([most, "2 min before its time is over"]);
  const choice = ([seconds, words]) => {
    const button = el("button", { type: "button" }, words);
    button.addEventListener("click", () => {
      keep(id, Date.now() + seconds * 1_000);
      dialog.close();
    });
    return button;
  };
  const none = el("button", { type: "button" }, id in kept() ? "Do not remind me" : "Leave it");
  const text = choices.length > 0 ? "This browser reminds you, while a page of this console is open in it." : "Too little time is left to be reminded of it: decide it, or pass it on.";
  const title = el("h2", { id: "remind-title" }, "Remind me");
  const dialog = el("dialog", { id: "remind" }, title, el("p", { className: "dim" }, text), el("p", { className: "choices" }, ...choices.map(choice)), el("p", {}, none));
  dialog.setAttribute("aria-labelledby", title.id);
  none.addEventListener("click", () => {
    keep(id, null);
    dialog.close();
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** Says of which requests it is time, and of which it will be. */
function draw() {
  const all = kept();
  for (const old of document.querySelectorAll(".remind-at")) old.remove();
  const due = [];
  for (const [id, at] of Object.entries(all)) {
    const now = Date.now() >= at;
    if (now) due.push(id);
    const row = [...document.querySelectorAll("[data-row]")].find((one) => one.dataset.key === id);
    const sign = el("span", { className: "sign" }, "◔");
    sign.setAttribute("aria-hidden", "true");
    row?.querySelector(".marks")?.append(el("span", { className: `chip remind-at ${now ? "amber" : "quiet"}` }, sign, now ? "REMINDER" : "REMINDER SET"));
  }
  toast(due);
}

/** Stands at the foot of whatever page is open, until it is read or put away. */
function toast(due) {
  let place = document.getElementById("reminders");
  if (!place && due.length === 0) return;
  if (!place) {
    place = el("div", { id: "reminders" });
    place.setAttribute("role", "status");
    document.querySelector("main").append(place);
  }
  const shown = due.join();
  if (place.dataset.shown === shown) return;
  place.dataset.shown = shown;
  place.hidden = due.length === 0;
  place.replaceChildren(...due.map((id) => {
    const away = el("button", { type: "button", className: "small" }, "Put away");
    away.addEventListener("click", () => keep(id, null));
    return el("p", {}, "You asked to be reminded of ", el("a", { href: `/requests/${id}` }, `${id.slice(0, 12)}…`), ". ", away);
  }));
}

// Whoever opens it was reminded.
if (document.body.dataset.part === "request" && Date.now() >= (kept()[ofPage()] ?? Infinity)) keep(ofPage(), null);
draw();
setInterval(draw, 1_000);
document.addEventListener("rows", draw);
