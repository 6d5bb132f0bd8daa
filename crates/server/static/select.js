// Several requests of the list at once: deny, claim or escalate them, each by a call of its own, after one look at what they are. Loaded
// when somebody first selects. Nothing here lets anything out: that takes a signature over one action.

import { later } from "./later.js";

/** As `REASONS` of the console has them; a test holds them together. */
const REASONS = [
  ["not_justified", "not justified"],
  ["too_broad", "too broad"],
  ["operationally_unsafe", "operationally unsafe"],
  ["context_missing", "context is missing"],
  ["suspicious", "suspicious"],
  ["against_policy", "against policy"],
  ["better_alternative", "there is a better way"],
  ["duplicate", "a duplicate"],
  ["other", "other"],
];

const chosen = new Set();
const row = (id) => [...document.querySelectorAll("[data-row]")].find((one) => one.dataset.key === id);
/** Only where this person may decide is there a button to claim it. */
const selectable = () => [...document.querySelectorAll("[data-row]")].filter((one) => one.querySelector("[data-claim]"));

function el(name, properties, ...content) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...content);
  return made;
}

later("select.css").catch(() => {});
const count = el("strong", {});
const said = el("p", { className: "result" });
said.setAttribute("role", "status");
const bar = el("div", { id: "selection" }, count, " ",
  act("Deny…", () => confirm("deny")), " ", act("Claim", () => carry("claim", [...chosen], {})), " ",
  act("Escalate…", () => confirm("escalate")), " ", act("Clear", clear), said);
bar.setAttribute("role", "region");
bar.setAttribute("aria-label", "Selected requests");
document.querySelector("main").append(bar);

function act(title, then) {
  const button = el("button", { type: "button", className: "small" }, title);
  button.addEventListener("click", then);
  return button;
}

/** Draws what is selected: a box in each row that can be, ticked or not. Rows come and go by themselves. */
function draw() {
  for (const id of [...chosen]) if (!row(id)) chosen.delete(id);
  for (const one of selectable()) {
    let box = one.querySelector(".pick input");
    if (!box) {
      box = el("input", { type: "checkbox" });
      box.setAttribute("aria-label", `Select: ${one.querySelector("a.sentence").textContent}`);
      box.addEventListener("change", () => toggle(one.closest("[data-row]")));
      one.querySelector(".marks").append(el("span", { className: "pick" }, box));
    }
    box.checked = chosen.has(one.dataset.key);
    one.classList.toggle("picked", box.checked);
  }
  count.textContent = chosen.size === 1 ? "1 selected" : `${chosen.size} selected`;
  for (const button of bar.querySelectorAll("button")) button.disabled = chosen.size === 0;
}

/** Selects a row, or no longer; one where nothing can be decided is left alone. */
export function toggle(one) {
  const id = one?.dataset.key;
  if (id && selectable().includes(one) && !chosen.delete(id)) chosen.add(id);
  draw();
}

function clear() {
  chosen.clear();
  draw();
}

/** Lists what it is about, once more, before it is sent. */
function confirm(what) {
  const ids = [...chosen];
  const many = ids.length === 1 ? "this request" : `these ${ids.length} requests`;
  const deny = what === "deny";
  const lines = ids.map((id) => {
    const tier = row(id).querySelector(".marks .chip").cloneNode(true);
    return el("li", {}, tier, " ", row(id).querySelector("a.sentence").cloneNode(true).firstElementChild);
  });
  const reason = el("select", { name: "reason", required: true }, el("option", { value: "" }, "Choose one"),
    ...REASONS.map(([code, words]) => el("option", { value: code }, words)));
  const text = el("textarea", { name: "text", rows: 2, maxLength: 2_000 });
  const leave = el("button", { type: "button" }, "Leave them");
  const form = el("form", { method: "dialog" },
    el("h2", {}, `${deny ? "Deny" : "Escalate"} ${many}?`), el("ol", {}, ...lines),
    ...(deny ? [el("label", {}, "Reason, for each of them ", reason)] : []),
    el("label", {}, deny ? "What would be better, if you like: whoever asked is told " : "Why, if you like ", text),
    el("p", {}, leave, " ", el("button", { className: "primary" }, deny ? `Deny ${many}` : `Ask more people about ${many}`)));
  const dialog = el("dialog", { id: "together" }, form);
  leave.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  form.addEventListener("submit", () => carry(what, ids, { reason: deny ? reason.value : "", text: text.value }));
  document.body.append(dialog);
  dialog.showModal();
  (deny ? reason : text).focus();
}

/** Sends one call for each, and says of which it was not taken. */
async function carry(what, ids, fields) {
  const claims = document.getElementById("claims");
  const names = { deny: "denied", claim: "claimed", escalate: "escalated" };
  const failed = [];
  for (const id of ids) {
    const own = what === "claim" ? Object.fromEntries(new FormData(claims)) : { token: claims.elements.token.value, act: what, ...fields };
    const address = `/requests/${id}/${what === "claim" ? "claim" : "act"}`;
    const answer = await fetch(address, { method: "POST", body: new URLSearchParams(own), redirect: "manual" }).catch(() => null);
    if (answer?.ok || answer?.type === "opaqueredirect") chosen.delete(id);
    else failed.push(row(id)?.querySelector("a.sentence").textContent ?? id);
  }
  said.textContent = `${ids.length - failed.length} of ${ids.length} ${names[what]}.${failed.length > 0 ? ` Not taken: ${failed.join("; ")}.` : ""}`;
  draw();
}

document.addEventListener("rows", draw);
draw();
