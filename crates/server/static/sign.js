// The review by passkey. Opens the request, checks that every hash to be signed is of what is shown, builds the panel from those
// bytes, and asks the authenticator for a signature over exactly that. Nothing here approves without it.
//
// INVARIANT(signed-is-shown): the challenge is computed from bytes that this module parsed, showed and hashed itself.

import { assertion } from "./authenticator.js";
import { base64, canonical, canonicalBytes, document_, hex, named, tagged, unbase64, unhex, words } from "./bytes.js";
import { beside, claims, head, says as claimed } from "./claims.js";
import * as clock from "./clock.js";
import { asked, isMet, question } from "./fact.js";
import { later } from "./later.js";
import { el, grouped, limits, mark, panel, quiet } from "./panel.js";
import { floorSeconds, Reading, screensTooMany } from "./reading.js";
import { isSeen, wrong as wrongReason } from "./reason.js";

const REVIEW = "gatehold/review/v1";
const form = document.getElementById("decide");
const data = form?.dataset ?? {};
const token = () => form.elements.token.value;
const said = document.getElementById("said");
const button = document.getElementById("approve");
const signed = document.getElementById("signed");
const says = document.getElementById("says");
const larger = document.getElementById("larger");
const otherwise = document.getElementById("otherwise");

/** What is opened now; nothing before, and nothing once it changed. */
let shown = null;
let reading = null;
let busy = false;
let over = false;
/** Without the network this page is there to be read, and nothing else. */
let cut = false;

class Refused extends Error {
  constructor(detail, next) {
    super(detail);
    this.next = next ?? "";
  }
}

/** Posts a form and gives what the gate says. */
async function post(address, fields) {
  const body = new URLSearchParams({ token: token(), ...fields });
  const answer = await fetch(address, { method: "POST", body }).catch(() => {
    throw new Refused("The gate does not answer.", "Load this page again: it says how the request stands.");
  });
  const json = answer.headers.get("content-type")?.startsWith("application/json");
  if (answer.ok && json) return answer.json();
  if (!json) throw new Refused("You are signed out, or the gate does not answer.", "Load this page again.");
  const problem = await answer.json();
  throw new Refused(problem.detail || problem.title, problem.next);
}

function say(text, next = "", bad = false) {
  said.replaceChildren(el("strong", "", text), next ? ` ${next}` : "");
  said.className = bad ? "note bad" : "note";
}

/** Everything that differs between what would be signed and what is shown. */
async function differences(opened, key) {
  const bytes = {};
  for (const name of ["context_template", "view", "envelope", "display", "payload", "authority", "asked"]) bytes[name] = unbase64(opened[name]);
  const context = document_(bytes.context_template, "the review context");
  const view = document_(bytes.view, "the view");
  const envelope = document_(bytes.envelope, "the envelope");
  const display = document_(bytes.display, "the rendering");
  const authority = document_(bytes.authority, "what you may do here");
  const request = document_(bytes.asked, "what was asked");
  const list = (await later("words.txt")).split("\n").filter((word) => !word.startsWith("#"));
  const payload = named(await crypto.subtle.digest("SHA-256", bytes.payload));
  const own = await words(list, unhex(context.digest.replace("sha256:", "")), unhex(opened.request_nonce.replace("sha256:", "")));
  const hash = async (tag, part) => named(await tagged(tag, part));
  const saying = claimed(view, opened.claims);
  const { reviewer } = context;
  const checks = [
    [context.type === REVIEW, "it is no review"],
    [context.act === "approve", "it is not an approval that would be signed"],
    [context.gate === data.gate, "it is another gate's"],
    [context.request === data.request && view.request === data.request, "it is about another request"],
    [`${reviewer.subject}@${reviewer.issuer}` === data.human, "it names another reviewer"],
    [reviewer.key === key, "it names another key"],
    [context.digest === (await hash("gatehold/action/v1", bytes.envelope)), "the digest is not that of the action"],
    [envelope.payload.sha256 === payload && envelope.payload.size === bytes.payload.length, "the payload is not the one that the action names"],
    [context.request_hash === (await hash("gatehold/request/v1", bytes.asked)), "what was asked is not what would be signed"],
    [request.digest === context.digest && request.task === envelope.task, "another action was asked for than is shown"],
    [canonical(request.requester) === canonical(view.requester), "who asked, or for whom, is not whom the view names"],
    [request.claims_root === (await head(opened.claims, [])), "the requester said something else when it asked"],
    [request.request_nonce === opened.request_nonce, "the four words are not those of what was asked"],
    [context.display_hash === (await hash("gatehold/display/v1", bytes.display)), "the exact action that is shown is not the one that would be signed"],
    [reviewer.authority_hash === (await hash("gatehold/authority/v1", bytes.authority)), "what you may do here is not what would be signed"],
    [authority.human === data.human && authority.key === key, "it says what somebody else may do here"],
    [context.view_hash === (await hash("gatehold/view/v1", bytes.view)), "the facts that are shown are not those that would be signed"],
    [context.decide_by === view.decide_by && context.spend_by === view.spend_by, "the times that are shown are not those that would be signed"],
    [canonical(context.limits) === canonical(view.terms.limits), "the limits that are shown are not those that would be signed"],
    [view.claims_head === (await head(opened.claims, opened.answers ?? [])), "what the requester says is not what would be signed"],
    [saying !== null, "it names other claims than those of the requester"],
    [own.join("-") === opened.words.join("-") && own.every(Boolean), "the four words are not those of this action"],
  ];
  const wrong = checks.filter(([same]) => !same).map(([, what]) => what);
  return { wrong, shown: { context, view, envelope, display, words: own, said: saying, through: authority.through ?? [], nonce: opened.request_nonce } };
}

/** Opens the request with the chosen key and shows it. */
async function open() {
  shown = null;
  const key = form.elements.key.value;
  const opened = await post(data.open, { key });
  const { wrong, shown: found } = await differences(opened, key);
  if (wrong.length > 0) {
    signed.replaceChildren();
    says.replaceChildren();
    throw new Refused(`Verification failed: ${wrong.join("; ")}.`, "Do not approve. Keep this page and report it: the gate shows something else than it asks to be signed.");
  }
  if (found.display.flags.includes("too_large_to_show")) {
    throw new Refused("The payload is too large to be shown in full.", "Deny it and ask for smaller steps; nobody can approve what was not shown.");
  }
  // Made whole first: what this module cannot show throws, and is not open.
  const above = await panel({ ...found, lowered: found.context.limits });
  // Another key was chosen meanwhile: it is that one which would sign.
  if (form.elements.key.value !== key) return open();
  const below = claims(found.said);
  signed.replaceChildren(...above);
  says.replaceChildren(...below);
  shown = found;
  lock();
  questions();
  reading = new Reading(signed.querySelector(".exact-action"), floorSeconds(shown.display.counts), arm);
  reading.readOtherwise(otherwise.checked);
  document.getElementById("opened").hidden = false;
  over = false;
  arm();
}

/** When the time to decide is over, by the clock of the gate, an open page says so by itself. */
function look() {
  if (!shown || busy) return;
  if (clock.wasSet()) {
    guarded(unchanged);
  } else if (!over && clock.now() >= shown.view.decide_by) {
    over = true;
    arm();
    say("Nobody decided in time, and that is a denial.", "Load this page again to see what became of it.", true);
  }
}

/** The criteria, the fact challenge on red, and what may be lowered. */
function questions() {
  const { view, context } = shown;
  const criteria = view.criteria.map((criterion) => {
    const group = el("fieldset", "criterion", el("legend", "", quiet(criterion.text), criterion.required ? null : el("span", "dim", " (may stay open)")));
    if (criterion.claim) group.append(beside(criterion.claim, shown.said));
    const name = `criterion:${criterion.id}`;
    if (criterion.kind === "text") {
      const text = el("textarea", "");
      Object.assign(text, { name, rows: 2, maxLength: 2_000 });
      text.setAttribute("aria-label", criterion.text);
      group.append(text);
      return group;
    }
    const choices = criterion.kind === "yes" ? ["yes", "no", "cannot tell"] : criterion.kind.choice;
    for (const choice of choices) {
      const radio = el("input", "");
      Object.assign(radio, { type: "radio", name, value: choice });
      group.append(el("label", "choice", radio, choice));
    }
    return group;
  });
  document.getElementById("criteria").replaceChildren(...criteria);
  document.getElementById("challenge").replaceChildren(...(isRed() ? question(shown, arm) : []));
  const number = (name, label, most) => {
    const field = el("input", "number");
    Object.assign(field, { type: "number", name, min: 1, max: most, value: most, step: 1, readOnly: most === 1 });
    // It stands in the bar, and is part of the answers.
    field.setAttribute("form", form.id);
    return el("label", "", label, field);
  };
  document.getElementById("lower").replaceChildren(
    number("ttl", "Seconds it may be used in", context.limits.ttl_seconds),
    number("uses", "Uses", context.limits.uses),
    ...Object.entries(context.limits.caps).map(([name, cap]) => number(`cap:${name}`, `At most ${name}`, cap)));
  document.getElementById("narrow").hidden = false;
}

/** The limits as lowered; nothing can be raised. */
function lowered() {
  const { limits: most } = shown.context;
  const least = (name, value) => {
    const field = form.elements[name];
    const number = field ? Number(field.value) : value;
    if (!Number.isSafeInteger(number) || number < 1 || number > value) throw new Refused(`"${field.parentElement.firstChild.data.trim()}" can only be lowered: give 1 to ${grouped(value)}.`);
    return number;
  };
  const caps = Object.entries(most.caps).map(([name, cap]) => [name, least(`cap:${name}`, cap)]);
  return { ...most, ttl_seconds: least("ttl", most.ttl_seconds), uses: least("uses", most.uses), caps: Object.fromEntries(caps) };
}

/** What would be granted, with these limits: beside those that were asked for, where they are lower. */
function redrawn(less) {
  const { limits: most } = shown.context;
  const same = canonical(less) === canonical(most);
  const asked = same ? [] : [" ", mark("narrowed"), " ", el("span", "dim", `asked for: ${limits(most)}`)];
  document.getElementById("limits").replaceChildren(limits(less), ...asked);
  // What it does is said by the button once it does it; until then there is more to read than that.
  if (button.disabled) button.replaceChildren("Approve…");
  else button.replaceChildren("Approve: ", quiet(shown.view.sentence), same ? "" : `, but ${limits(less)}`);
}

/** What the requester says, and what it says a model thinks. */
const folds = () => [...says.querySelectorAll(":scope > details")];

/** On red nobody reads the requester's story before they have answered for themselves: it stays closed, and cannot be opened. */
function lock() {
  const stories = folds();
  if (stories.length === 0 || !isRed()) return;
  for (const story of stories) story.inert = true;
  stories[0].before(el("p", "dim locked", "Locked: it opens once every criterion is answered."));
}

/** Opens it to be read, for good: an answer is an answer, whichever it is. */
function unlock() {
  const note = says.querySelector(".locked");
  const answers = new FormData(form);
  const given = ({ id, required }) => !required || (answers.get(`criterion:${id}`) ?? "").trim() !== "";
  if (!note || !shown.view.criteria.every(given)) return;
  note.remove();
  for (const story of folds()) story.inert = false;
}

const isRed = () => shown?.view.tier.tier === "red";
/** How many screens the exact action takes where that is too many to approve red on. */
const screens = () => (isRed() ? screensTooMany(signed.querySelector(".exact-action")) : 0);

/** Says so, with the link to carry over. */
function elsewhere() {
  const many = screens();
  larger.hidden = many === 0;
  button.hidden = many > 0;
  larger.querySelector(".many").textContent = String(many);
}

/** What is not there yet before the authenticator is asked. */
function missing() {
  if (!shown) return [busy ? "it is being opened" : "it is not open: load this page again"];
  const answers = new FormData(form);
  const open_ = shown.view.criteria.filter(({ id, kind, required }) => {
    const answer = answers.get(`criterion:${id}`) ?? "";
    return required && (kind === "yes" ? answer !== "yes" : !isSeen(answer));
  });
  const red = isRed();
  const lines = [];
  if (cut) lines.push("you are offline");
  if (screens() > 0) lines.push("review it on a larger screen");
  if (!reading.toTheEnd) lines.push("read to the end of the exact action");
  if (open_.length > 0) lines.push(open_.length === 1 ? "1 criterion is not met" : `${open_.length} criteria are not met`);
  if (red && form.elements.fact.value.trim() === "") lines.push("answer the question about the action");
  const demanded = shown.view.reason_demanded;
  const unsaid = wrongReason(form.elements.because.value.trim(), demanded);
  if (unsaid) lines.push(demanded && form.elements.because.value.trim() === "" ? "say why" : unsaid);
  if (reading.left > 0) lines.push(`${reading.left} s of reading`);
  if (clock.now() >= shown.view.decide_by) lines.push("the time to decide is over");
  return lines;
}

/** Whether the button is armed, and what it says. */
function arm() {
  if (!form.elements.key?.value) return;
  const lines = missing();
  button.disabled = busy || lines.length > 0;
  document.getElementById("yet").textContent = lines.length > 0 ? `Not yet: ${lines.join("; ")}.` : "";
  if (!shown) return;
  elsewhere();
  unlock();
  try {
    redrawn(lowered());
  } catch (error) {
    button.disabled = true;
    document.getElementById("yet").textContent = error.message;
  }
}

/** Signs what is shown, with these answers, and hands it in. */
async function approve() {
  const { view } = shown;
  const fields = new FormData(form);
  const criteria = {};
  for (const { id } of view.criteria) {
    const answer = fields.get(`criterion:${id}`) ?? "";
    if (answer !== "") criteria[id] = answer;
  }
  if (isRed()) {
    const fact = asked(shown);
    if (!isMet(fact, fields.get("fact"))) throw new Refused("That is not what stands above.", "Read the exact action and the limits again.");
    criteria[fact.id] = fact.answer;
  }
  await unchanged();
  const because = fields.get("because").trim();
  const answers = { criteria, justification: because, salt: hex(crypto.getRandomValues(new Uint8Array(32))) };
  const answers_hash = named(await tagged("gatehold/answers/v1", canonicalBytes(answers)));
  const context = { ...shown.context, limits: lowered(), answers_hash, reasoned: wrongReason(because, true) === null };
  // What is signed stands there once more while the authenticator asks.
  said.className = "signing";
  said.replaceChildren(el("strong", "", "You sign: "), quiet(shown.view.sentence), ` · ${limits(context.limits)} · ${shown.words.join("-")}`);
  const bytes = canonicalBytes(context);
  const { key } = form.elements;
  const option = key.selectedOptions?.[0] ?? key;
  const signature = await assertion(await tagged(REVIEW, bytes), data.relyingParty, unbase64(option.dataset.credential));
  const review = { context: base64(bytes), signature, answers: criteria, justification: answers.justification, salt: answers.salt };
  return post(data.review, { review: JSON.stringify(review) });
}

/** Whether somebody goes elsewhere: then nothing is loaded again, which would keep them here. */
let leaving = false;
addEventListener("beforeunload", () => { leaving = true; });

/** Asks whether what this page shows is still what would be opened. It tells nothing of reviews: those void no open screen. */
async function unchanged() {
  const opened = shown ? `?opened=${encodeURIComponent(shown.context.review_nonce)}` : "";
  const answer = await fetch(data.stamp + opened, { headers: { accept: "application/json" } }).catch(() => null);
  if (!answer?.ok) throw new Refused("The gate does not answer, so nothing is signed.", "Try again; if it goes on, load this page again.");
  const { stamp, changed, now } = await answer.json();
  clock.set(now);
  if (cut) offline(false);
  if (stamp === data.stamped && changed.length === 0) return;
  // Nothing was opened yet, so nobody has read anything that is not so any more: it is loaded again, once.
  if (!shown && !leaving && performance.getEntriesByType("navigation")[0]?.type !== "reload") {
    location.reload();
    await new Promise(() => {});
  }
  shown = null;
  button.disabled = true;
  document.getElementById("yet").textContent = "";
  const what = changed.length > 0 ? ` (${changed.join(", ")})` : "";
  throw new Refused(`It changed since you opened it${what}, so nothing here can be signed any more.`, "Load this page again and look at what it is now.");
}

/** Disarms what would send something, and says so; what was answered stays. */
function offline(now) {
  cut = now;
  for (const send of document.querySelectorAll("#acts form button")) send.disabled = now;
  if (now) say("You are offline: this page can only be read.", "What you answered stays; the page looks again once you are back.", true);
  else said.replaceChildren();
  if (shown) arm();
}

async function guarded(act) {
  if (busy) return;
  busy = true;
  arm();
  try {
    await act();
  } catch (error) {
    const stopped = error.name === "NotAllowedError";
    if (stopped) say("Nothing was signed.", "Your passkey was not used. Approve again when you are ready.");
    else if (error instanceof Refused || error.next) say(error.message, error.next, true);
    else say("This page could not do that, and nothing was signed.", `Load this page again, or use a terminal. (${error.message})`, true);
  } finally {
    busy = false;
    arm();
  }
}

/** Only a page that somebody looks at opens anything. */
function whenLookedAt(act) {
  if (!document.prerendering && document.visibilityState === "visible") act();
  else document.addEventListener("visibilitychange", () => whenLookedAt(act), { once: true });
}

if (form) {
  const { key } = form.elements;
  form.hidden = !key?.value;
  document.getElementById("acts").hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", arm);
  document.getElementById("lower").addEventListener("input", arm);
  otherwise.addEventListener("change", () => reading?.readOtherwise(otherwise.checked));
  addEventListener("resize", arm);
  const link = larger.querySelector("a");
  link.textContent = link.href;
  larger.querySelector("button").addEventListener("click", async (event) => {
    await navigator.clipboard.writeText(link.href);
    event.target.textContent = "Copied";
  });
  addEventListener("offline", () => offline(true));
  // What is armed again was looked at again.
  addEventListener("online", () => (shown ? guarded(unchanged) : offline(false)));
  if (key?.value) {
    button.hidden = false;
    key.addEventListener("change", () => guarded(open));
    button.addEventListener("click", () => guarded(async () => {
      const result = await approve();
      shown = null;
      const held = result.held_again ? "It is held again: policy asks for more than you were shown." : "Your review is in.";
      say(result.decided ? "Decided." : held);
      location.reload();
    }));
    whenLookedAt(() => guarded(async () => {
      await unchanged();
      await open();
      const ask = () => { if (shown && !busy && document.visibilityState === "visible") guarded(unchanged); };
      setInterval(ask, 15_000);
      setInterval(look, 1_000);
      document.addEventListener("visibilitychange", ask);
    }));
    // A page that comes back from the browser's memory shows what was, not what is.
    addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  }
  // A digit chooses a reason while one is about to deny, and does nothing else: what is typed into a text stays text.
  const deny = document.querySelector("#act-deny");
  deny.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.target.closest("textarea")) return;
    const { reason } = deny.querySelector("form").elements;
    if (!deny.open || !/^[1-9]$/.test(event.key) || !reason.options[Number(event.key)]) return;
    reason.selectedIndex = Number(event.key);
    reason.focus();
    event.preventDefault();
  });
  const keys = { d: "act-deny", q: "act-ask", e: "act-escalate", a: "approve", n: "narrow", "!": "act-suspicious" };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest?.("input, textarea, select") || document.querySelector("dialog[open]")) return;
    const target = document.getElementById(keys[event.key] ?? "");
    if (!target?.checkVisibility()) return;
    if (target instanceof HTMLDetailsElement) target.open = true;
    (target.querySelector("summary, textarea, select, input, button") ?? target).focus();
    target.scrollIntoView({ block: "nearest" });
    event.preventDefault();
  });
}
