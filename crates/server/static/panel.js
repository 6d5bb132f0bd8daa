// Builds what is signed, from the very bytes that are hashed: the exact action from the stored rendering, and everything else
// from the view. It makes elements and text, never markup, and takes nothing from the page around it.

import { duration, fromNow } from "./clock.js";

/** Every character that cannot be seen or would change what is seen: `hazard` of the core, held to it by a test. */
export const HAZARD = /[\u{0}-\u{1f}\u{7f}-\u{a0}\u{ad}\u{34f}\u{61c}\u{115f}-\u{1160}\u{1680}\u{17b4}-\u{17b5}\u{180b}-\u{180f}\u{2000}-\u{200f}\u{2028}-\u{202f}\u{205f}-\u{206f}\u{2800}\u{3000}\u{3164}\u{e000}-\u{f8ff}\u{fdd0}-\u{fdef}\u{fe00}-\u{fe0f}\u{feff}\u{ffa0}\u{fff0}-\u{fffb}\u{fffe}-\u{ffff}\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{1fffe}-\u{1ffff}\u{2fffe}-\u{2ffff}\u{3fffe}-\u{3ffff}\u{4fffe}-\u{4ffff}\u{5fffe}-\u{5ffff}\u{6fffe}-\u{6ffff}\u{7fffe}-\u{7ffff}\u{8fffe}-\u{8ffff}\u{9fffe}-\u{9ffff}\u{afffe}-\u{affff}\u{bfffe}-\u{bffff}\u{cfffe}-\u{cffff}\u{dfffe}-\u{e0fff}\u{efffe}-\u{10ffff}]/u;

/** An element with classes and content. */
export function el(name, classes, ...content) {
  const made = document.createElement(name);
  if (classes) made.className = classes;
  made.append(...content.filter((part) => part !== null && part !== undefined));
  return made;
}

/** Text of others on one line, in which nothing moves, hides or reorders anything. */
export function quiet(text) {
  const made = el("bdi", "");
  made.dir = "ltr";
  let plain = "";
  const flush = () => {
    if (plain) made.append(plain);
    plain = "";
  };
  for (const character of text) {
    if (!HAZARD.test(character)) {
      plain += character;
      continue;
    }
    flush();
    const number = character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    made.append(el("span", "ch", `⟨U+${number}⟩`));
  }
  flush();
  return made;
}

const MARKS = {
  green: ["green", "●", "GREEN"],
  amber: ["amber", "▲", "AMBER"],
  red: ["red", "■", "RED"],
  verified: ["verified", "✓", "VERIFIED"],
  refuted: ["red", "✖", "VERIFIED NO"],
  claimed: ["claimed", "“", "CLAIMED"],
  unknown: ["unknown", "?", "UNKNOWN"],
  held: ["held", "◷", "HELD"],
  uninspectable: ["red", "■", "UNINSPECTABLE"],
  not_enforced: ["red", "■", "NOT ENFORCED"],
  narrowed: ["held", "▽", "NARROWED"],
};

/** A sign and a word, never colour alone. */
export function mark(name) {
  const [hue, sign, word] = MARKS[name];
  const drawn = el("span", "sign", sign);
  drawn.setAttribute("aria-hidden", "true");
  return el("span", `chip ${hue}`, drawn, word);
}

/** A number as people read it, `grouped` of the core: `4,212`. */
export const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");

/** A count with its noun. */
export const counted = (number, noun) => `${grouped(number)} ${noun}${number === 1 ? "" : "s"}`;

/** The name of a cap that is one, `of_one` of the core: `1 row`. */
const ofOne = (name) => name.replace(/^(\w+[^\Ws])s\b/, "$1");

/** How much a payload is, and how much of it is nothing; as every surface says it. */
const size = ({ bytes, lines, empty_lines: empty, words }) =>
  `${counted(bytes, "byte")}, ${counted(lines, "line")}${empty > 0 ? ` (${empty} empty)` : ""}, ${counted(words, "word")}`;

/** A time as it is. */
function time(millis) {
  const iso = new Date(millis).toISOString();
  return Object.assign(el("time", "", `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`), { dateTime: iso });
}

/** How far away it is; it stands beside that time, and the clock of the page counts it. */
function distance(name, classes, millis) {
  const made = el(name, classes, fromNow(millis));
  made.dataset.left = "";
  return made;
}

/** A time as it is and from now. */
const at = (millis) => [time(millis), " ", distance("span", "rel", millis)];

/** Limits in one line. */
export function limits(record) {
  const caps = Object.entries(record.caps).map(([name, cap]) => `, at most ${grouped(cap)} ${cap === 1 ? ofOne(name) : name}`);
  return `${duration(record.ttl_seconds)}, ${counted(record.uses, "use")}${caps.join("")}`;
}

/** `operationally_unsafe` and `checkpoint:elevation` as people say them. */
const code = (text) => text.replace(/^checkpoint:/, "").replaceAll("_", " ").replace(":", ": ");

const RUNS = { text: "t", label: "l", warning: "w", mark: "m", name: "n", value: "v", changed: "v cd", chip: "ch" };
const BLOCKS = { warnings: "warnings", action: "envelope", payload: "payload", not_described: "undescribed", exact: "exact" };

/** What this page cannot show, nobody signs here. */
class Unshown extends Error {
  next = "Load this page again. If it says so again, review the request in a terminal.";
}

/** The class that a kind has; a kind that this module does not know is shown by nothing, so it is refused. */
function known(kinds, kind) {
  const found = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  if (found === undefined) throw new Unshown(`This page cannot show all of this request: it does not know a "${kind}".`);
  return found;
}

/** So many runs are made at once; before the next ones the page answers keys and pointers, however large the action is. */
const RUNS_AT_ONCE = 2_000;
/** So many lines stand in a part of their own, which the browser lays out when somebody comes near it; as in the page of the gate. */
const LINES_TOGETHER = 200;
const pause = () => new Promise((resolve) => { setTimeout(resolve); });

/** The blocks of a rendering, whole and in their order. */
async function blocks(display) {
  if (display.version !== "gatehold/display/v1") throw new Unshown("This page cannot show the exact action: it is written in a way that the page does not know.");
  const made = el("div", "blocks");
  let left = RUNS_AT_ONCE;
  for (const block of display.blocks) {
    const pre = el("pre", "code");
    pre.dir = "ltr";
    pre.tabIndex = 0;
    pre.setAttribute("aria-label", block.title);
    for (let at = 0; at < block.lines.length; at += LINES_TOGETHER) {
      const lines = block.lines.slice(at, at + LINES_TOGETHER);
      const lot = lines.length === LINES_TOGETHER ? el("span", "lot") : pre;
      for (const line of lines) {
        lot.append(el("span", "ln", ...line.runs.map((run) => el("span", known(RUNS, run.kind), run.text))));
        left -= line.runs.length + 1;
        if (left > 0) continue;
        left = RUNS_AT_ONCE;
        await pause();
      }
      if (lot !== pre) pre.append(lot);
    }
    made.append(el("section", `block ${known(BLOCKS, block.kind)}`, el("h3", "", block.title), pre));
  }
  return made;
}

const part = (title, aside, ...content) =>
  el("section", "part", el("h2", "", title, aside ? el("span", "aside", ` ${aside}`) : null), ...content);

/** The same part under the name that the keys of the page know it by. */
const called = (id, made) => Object.assign(made, { id });

const list = (lines, none) =>
  lines.length === 0 ? el("p", "dim", none) : el("ul", "", ...lines.map((line) => el("li", "", quiet(line))));

const term = (name, ...content) => el("div", "", el("dt", "", name), el("dd", "", ...content));

function who(requester) {
  const { workload, human } = requester;
  if (workload) {
    const { initiator, point } = workload;
    const behind = initiator
      ? `${initiator.human} (${initiator.attested ? "attested" : "by its own word"})`
      : "UNKNOWN: nobody attested who is behind it";
    return [
      `${workload.id}, ${known(KINDS, workload.kind)}, ${known(PROVEN, workload.assurance)}`,
      `owner ${workload.owner}, backup ${workload.backup}`,
      ...(point ? [`through enforcement point ${point.id}, owner ${point.owner}`] : []),
      `on behalf of ${behind}`,
    ];
  }
  return [`${human.human}, by their own signature`, ...human.beneficiaries.map((one) => `${one} gains by it`)];
}

/** Who asks, as in the sentence. */
export const asker = ({ workload, human }) => (workload ? workload.id : human.human);

function soFar({ steps, labels, crosses_systems, latest }) {
  const lines = [counted(steps, "step")];
  if (labels.sensitive) lines.push("it has read sensitive data");
  if (labels.untrusted) lines.push("it has taken in text that strangers can write");
  if (labels.external) lines.push("it has reached outside");
  if (crosses_systems) lines.push("it was on other targets before");
  let same = 0;
  latest.forEach((line, number) => {
    same += 1;
    if (line === latest[number + 1]) return;
    lines.push(same === 1 ? line : `${grouped(same)} × ${line}`);
    same = 0;
  });
  return lines;
}

const value = (fact) => {
  if (fact.source === "unknown") return fact.from;
  const age = fact.age_seconds === 0 ? "" : `, ${duration(fact.age_seconds)} old`;
  return fact.source === "verified" ? `${fact.value} (${fact.from}${age})` : fact.value;
};

/** What asks, as the core says it. */
const KINDS = {
  ai_agent: "an AI agent",
  service_account: "a service account",
  api_key_client: "a client with an API key",
  ci_job: "a CI job",
  workload_identity: "a workload of a platform",
  contractor_tool: "a contractor's tool",
  privileged_automation: "privileged automation",
};

/** How sure its identity is. */
const PROVEN = {
  local: "known by its local account alone",
  pop: "proven by its key",
  attested: "proven by its key and its platform",
};

function strip(view, display) {
  const top = view.facts.filter((fact) => fact.source !== "claimed" && ["environment", "reversibility"].includes(fact.label));
  const chips = top.map((fact) => el("span", "fact-chip", quiet(`${fact.label}: ${fact.value} `), mark(fact.source)));
  const people = view.people_needed === 1 ? "1 person needed" : `${view.people_needed} people needed`;
  return el("div", "strip",
    mark("held"), " ", mark(view.tier.tier), " ",
    display.counts.uninspectable ? mark("uninspectable") : null,
    ...chips.flatMap((chip) => [chip, " "]),
    el("span", "people", `asked by ${view.requester.workload ? known(KINDS, view.requester.workload.kind) : "a person"}`), " ",
    el("span", "people", people), " ",
    el("span", "deadline", distance("strong", "", view.decide_by), " ", time(view.decide_by)));
}

/** What is permitted, by its kind. */
const HOW = {
  held_execution: "The gate runs exactly these bytes, once; nothing is handed out.",
  credential: "The workload is handed a credential of its own, which ends at the target by itself.",
};

function terms(view, lowered) {
  const { terms: granted } = view;
  const bounds = term("Limits", limits(lowered));
  bounds.lastChild.id = "limits";
  const how = HOW[granted.kind] ?? code(granted.kind);
  return part("If approved", "",
    el("p", "", how),
    el("dl", "facts",
      bounds,
      term("Revocation", code(granted.revocation)),
      ...granted.not_enforced.map((cap) => term(quiet(cap), mark("not_enforced"), " by the target")),
      term("Decide by", ...at(view.decide_by)),
      term("Use by", ...at(view.spend_by)),
      ...view.checkpoints.map(([name, people]) => term(`Checkpoint ${name}`, quiet(people)))));
}

/** Who is away, and where they would be stood in for. */
const away = (through) => through.map(({ from, until, teams, checkpoints }) => {
  const iso = new Date(until).toISOString();
  const alone = checkpoints === null ? "" : `, at ${checkpoints.join(", ")} alone`;
  return `${from}, who is away until ${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC, in ${teams.join(", ")}${alone}`;
});

/** Everything else that is signed but the answers, in the fixed order. `lowered` are the limits that would be signed. */
export async function panel({ display, view, envelope, words, lowered, through }) {
  const raised = view.tier.inputs.filter((input) => input.raised).map((input) => `${input.name.replaceAll("_", " ")}: ${input.value} (${input.why})`);
  const name = asker(view.requester);
  const sentence = view.sentence.startsWith(name)
    ? [quiet(view.sentence)]
    : [el("span", "who-asks", quiet(name)), " ", el("span", "asks", "asks:"), " ", quiet(view.sentence)];
  const why = el("ul", "why", ...view.why.map(([reason, text]) =>
    el("li", "", el("span", "label", "Held"), " ", quiet(text), " ", el("span", "dim", `(${code(reason)})`))));
  why.setAttribute("aria-label", "Why held");
  const facts = view.facts.filter((fact) => fact.source !== "claimed");
  const exact = part("Exact action", "", await blocks(display));
  const named = el("span", "words", words.join("-"));
  named.title = "digest words: the same on every surface";
  exact.querySelector("h2").append(
    el("span", "aside", quiet(envelope.resource), " at ", quiet(envelope.target), ` · ${size(display.counts)}`), named);
  exact.classList.add("exact-action");
  return [
    strip(view, display),
    el("h1", "sentence", ...sentence),
    view.why.length === 0 ? null : why,
    through.length === 0 ? null : part("For whom you decide", "your signature counts once: as yourself, or for one of these", list(away(through), "")),
    view.change.length === 0 ? null : part("What it changes", "as the gate knows it now", list(view.change, "nothing")),
    exact,
    called("base", part("Unlike its baseline", "", list(view.unlike_baseline, "Nothing."))),
    (view.narrower ?? []).length === 0 ? null : part("What would do instead", "lower the limits, or deny and suggest it", list(view.narrower, "")),
    called("who", part("Who", "", list(who(view.requester), ""))),
    terms(view, lowered),
    part("Already done in this task", "", list(soFar(view.so_far), "")),
    part("Evidence", "", el("dl", "facts", ...facts.map((fact) => term(quiet(fact.label), mark(fact.refuted ? "refuted" : fact.source), " ", quiet(value(fact)))),
      view.page_files ? term("This page", "by the gate's own word made of files ", quiet(view.page_files)) : null)),
    part(`Why ${view.tier.tier.toUpperCase()}`, "", list(raised, "No input raises it.")),
  ].filter((made) => made !== null);
}
