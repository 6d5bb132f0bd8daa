// What the requester says and answers, whole, and whether it is what the view that is signed names by its head. Believed by nobody;
// collapsed, last, and a part at a time, so that a long text hides nothing and holds nothing up.

import { bytesOf, canonicalBytes, named, tagged } from "./bytes.js";
import { counted, el, grouped, mark, quiet } from "./panel.js";

/** As `pages` of the console has them. */
const PAGE_LINES = 100;
const PAGE_CHARACTERS = 8_000;

/** The head of the chain of claims once these answers were given. */
export async function head(claims, answers) {
  let hash = await tagged("gatehold/claims/v1", canonicalBytes(claims));
  for (const answer of answers) hash = await tagged("gatehold/claims/next/v1", hash, bytesOf(answer));
  return named(hash);
}

/** What the view says is claimed, each as it was made: the view has the beginning of a long one. Nothing when it names others. */
export function says(view, claims) {
  const left = new Set(Object.keys(claims));
  const claimed = view.facts.filter((fact) => fact.source === "claimed");
  const found = claimed.map(({ label, value }) => [label, left.delete(label) ? claims[label] : value]);
  return left.size === 0 ? found : null;
}

/** The parts of a text: which lines each has, and the lines. Empty lines in a row stand as how many there are. */
function pages(text) {
  const lines = text.split("\n").map((line) => line.replace(/\r+$/, ""));
  const made = [];
  let at = 0;
  while (at < lines.length) {
    const first = at;
    if (lines[at] === "") while (lines[at + 1] === "") at += 1;
    const empty = at - first + 1;
    let page = made.at(-1);
    if (!page || page.lines.length >= PAGE_LINES || page.characters >= PAGE_CHARACTERS) {
      page = { first: first + 1, last: 0, lines: [], characters: 0 };
      made.push(page);
    }
    page.lines.push(empty > 1 ? { empty } : lines[at]);
    page.characters += lines[at].length;
    at += 1;
    page.last = at;
  }
  return made.map((page) => ({ ...page, of: lines.length }));
}

const quote = (lines) => el("blockquote", "", ...lines.map((line) =>
  el("p", "", typeof line === "string" ? quiet(line) : el("span", "ch", `⋯ ${grouped(line.empty)} empty lines ⋯`))));

/** One claim: its beginning, and the rest to be unfolded. */
function claim([label, text]) {
  const [start, ...more] = pages(text);
  const parts = more.map((page) => {
    const details = el("details", "more", el("summary", "", `Lines ${grouped(page.first)} to ${grouped(page.last)} of ${grouped(page.of)}`));
    details.addEventListener("toggle", () => details.append(quote(page.lines)), { once: true });
    return details;
  });
  const size = el("span", "dim", ` ${counted(bytesOf(text).length, "byte")}`);
  return el("section", "claim", el("h3", "", mark("claimed"), " ", quiet(label), size), quote(start.lines), ...parts);
}

/** Lines and characters of a claim beside the criterion that needs it; all of it stands below. */
const BESIDE_LINES = 20;
const BESIDE_CHARACTERS = 600;

/** What the requester says about one criterion, as plain text with its length; that it says nothing is said as well. */
export function beside(name, said) {
  const found = said.find(([label]) => label === name);
  if (!found || found[1].trim() === "") return el("p", "beside", mark("unknown"), " ", quiet(name), ": the requester says nothing of it");
  const start = found[1].split("\n").slice(0, BESIDE_LINES).join("\n");
  const shown = [...start].slice(0, BESIDE_CHARACTERS);
  const rest = [...found[1]].length - shown.length;
  const size = el("span", "dim", ` ${counted(bytesOf(found[1]).length, "byte")}`);
  const cut = rest > 0 ? el("p", "dim", `⋯ ${counted(rest, "character")} more, below`) : null;
  return el("div", "beside", el("p", "", mark("claimed"), " ", quiet(name), size), quote(pages(shown.join("")).flatMap((page) => page.lines)), cut);
}

/** What the requester says a model thinks of it: a claim as any other, and no reviewer of ours. */
const MODEL = "model_recommendation";

/** The part of the page. */
export function claims(said) {
  const title = el("h2", "", "What the requester says");
  title.id = "t-says";
  if (said.length === 0) return [title, el("p", "dim", "Nothing.")];
  const fold = (summary, some) => (some.length > 0 ? el("details", "", el("summary", "", summary), ...some.map(claim)) : null);
  const own = said.filter(([label]) => label !== MODEL);
  const model = said.filter(([label]) => label === MODEL);
  return [
    title,
    fold(`Untrusted text, ${counted(own.length, "part")}, whole: nobody has checked it`, own),
    fold("What a model thinks of it, as the requester has it: which model nobody has checked, and it decides nothing", model),
  ].filter(Boolean);
}
