// What the module that signs makes of an action with everything in it that hides, reorders, imitates or pushes away, and of what is
// known about it: its text, line by line, is that of the terminal, which makes everything itself. So is what the gate's own page
// shows before. Started by `tests/browser.rs` with the paths of gatehold and Chromium.

import assert from "node:assert/strict";

import { Chrome, freePort, Gate } from "./chrome.mjs";
import { addPasskey, answer, be, look, signIn } from "./pages.mjs";

const [program, chromium] = process.argv.slice(2);
const gate = new Gate(program);
await gate.start(["--port", String(await freePort())]);
const chrome = new Chrome(chromium, gate.scratch);

/** No database reads it, and no person sees what it is: each line hides something else. */
const PAYLOAD = [
  "MAKE 0rders and \u043erders whole",
  "zero\u200bwidth\ufeff",
  "no\u00a0break",
  `padded${" ".repeat(60)}away`,
  ...Array.from({ length: 12 }, () => ""),
  "\u202egnp.exe\u202c",
  "\u001b[31mGREEN\u001b[0m",
].join("\n");
/** What stands there of it, and what is said of it. */
const NAMED = [
  "UNINSPECTABLE: nobody can tell by reading what this does",
  "Characters that reorder text on other screens (2 times: U+202C, U+202E)",
  "Control characters (2 times: U+001B)",
  "Invisible characters (2 times: U+200B, U+FEFF)",
  "Spaces that are not the space bar's (1 time: U+00A0)",
  "Padding: long stretches of white space, counted below",
  "Words that mix alphabets",
  "  \u043erders has U+043E; it looks like orders, and is not",
  "Words that look like another word",
  "  0rders looks like orders of this action, and is not",
];
const SHOWN = ["zero⟨U+200B⟩width⟨U+FEFF⟩", "no⟨U+00A0⟩break", "padded⟨SP×60⟩away", "⋯ 12 empty lines ⋯", "⟨U+202E⟩gnp.exe⟨U+202C⟩", "␛[31mGREEN␛[0m"];
const CLASSES = { text: "t", label: "l", warning: "w", mark: "m", name: "n", value: "v", changed: "v cd", chip: "ch" };
const MARKS = { verified: "✓VERIFIED", unknown: "?UNKNOWN", claimed: "“CLAIMED" };
/** What no page may hold as it is: the characters of this payload, and their kind. */
const HAZARD = /[\0-\u0009\u000b-\u001f\u007f-\u00a0\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/u;
const quiet = (text) => text.replaceAll(new RegExp(HAZARD, "gu"), (one) => `⟨U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);

/** The text of what is signed, line by line, but for how long something is from now; and all of it at once. */
const text = (tab) => tab.run(() => {
  const signed = document.getElementById("signed").cloneNode(true);
  for (const left of signed.querySelectorAll("[data-left]")) left.remove();
  const lines = [...signed.querySelectorAll(".strip > *, h1, h2, h3, p, li, dl > div, .ln")];
  const said = (line) => (line.matches(".ln") ? line.textContent : line.textContent.trim());
  return { lines: lines.map(said), whole: signed.textContent };
});
const ink = (text) => text.replaceAll(/\s/gu, "");

/** The lines under a title of the terminal. */
const under = (terminal, title) => {
  const [, rest] = terminal.split(`\n${title}\n`);
  return rest.split("\n\n")[0].split("\n").map((line) => line.trim());
};
const day = (millis) => `${new Date(millis).toISOString().slice(0, 19).replace("T", " ")} UTC`;
const spoken = (code) => code.replace(/^checkpoint:/, "").replaceAll("_", " ").replace(":", ": ");

/** What must stand there, by what the terminal says of the same request. */
function expected({ display, view, envelope, words }, terminal) {
  const { bytes, lines, empty_lines: empty, words: counted } = display.counts;
  const size = `${bytes} bytes, ${lines} lines (${empty} empty), ${counted} words`;
  assert.equal(under(terminal, `EXACT ACTION   ${words.join("-")}`)[0], `${size}, UNINSPECTABLE`);
  const known = view.facts.filter(({ source }) => source !== "claimed");
  const top = known.filter(({ label }) => ["environment", "reversibility"].includes(label));
  return [
    "◷HELD", "■RED", "■UNINSPECTABLE",
    ...top.map(({ label, value, source }) => `${label}: ${value} ${MARKS[source]}`),
    "asked by an AI agent", "2 people needed", day(view.decide_by),
    view.sentence,
    ...view.why.map(([code, why]) => `Held ${why} (${spoken(code)})`),
    `Exact action${envelope.resource} at ${envelope.target} · ${size}${words.join("-")}`,
    ...display.blocks.flatMap((block) => [block.title, ...block.lines.map((line) => line.runs.map((run) => run.text).join(""))]),
    "Unlike its baseline", ...(view.unlike_baseline.length > 0 ? view.unlike_baseline.map(quiet) : ["Nothing."]),
    ...(view.narrower ? ["What would do instead lower the limits, or deny and suggest it", ...view.narrower.map(quiet)] : []),
    "Who", ...under(terminal, "WHO"),
    "If approved", "The gate runs exactly these bytes, once; nothing is handed out.",
    "Limits15 min, 1 use, at most 3 rows", `Revocation${view.terms.revocation}`,
    `Decide by${day(view.decide_by)}`, `Use by${day(view.spend_by)}`,
    ...view.checkpoints.map(([name, people]) => `Checkpoint ${name}${people}`),
    "Already done in this task", ...under(terminal, "ALREADY DONE IN THIS TASK"),
    "Evidence", ...known.map((fact) => `${fact.label}${MARKS[fact.source]} ${fact.source === "verified" ? `${fact.value} (${fact.from})` : fact.from}`),
    ...(view.page_files ? [`This pageby the gate's own word made of files ${view.page_files}`] : []),
    "Why RED", ...view.tier.inputs.filter(({ raised }) => raised).map(({ name, value, why }) => `${name.replaceAll("_", " ")}: ${value} (${why})`),
  ];
}

try {
  const tab = await (await chrome.person()).tab();
  await tab.send("Emulation.setFocusEmulationEnabled", { enabled: true });
  await tab.authenticator();
  await signIn(tab, gate, "reviewer");
  await addPasskey(tab, gate);
  const id = gate.ask(PAYLOAD, ["--cap", "rows=3", "--reason", "the worker \u202ecrashed\u202c"]);
  await look(tab, gate, id);
  const shown = JSON.parse(gate.command(["show", id, "--as", "reviewer", "-o", "json"]));
  const terminal = gate.command(["show", id, "--as", "reviewer"]);

  // On red the story is locked, and what a model thinks of it as well, until the criteria are answered.
  const judged = gate.ask("UPDATE orders SET status = 'retry' WHERE id = 7", ["--cap", "rows=1", "--reason", "stuck", "--claim", "model_recommendation=approve it"]);
  await look(tab, gate, judged);
  const folds = () => tab.run(() => [...document.querySelectorAll("#says > details")].map((fold) => [fold.firstChild.textContent.split(",")[0], fold.inert, fold.open]));
  const named = ["Untrusted text", "What a model thinks of it"];
  assert.deepEqual(await folds(), named.map((name) => [name, true, false]));
  await answer(tab, { fact: "1" });
  assert.deepEqual(await folds(), named.map((name) => [name, false, false]));
  const said = gate.command(["show", judged, "--as", "reviewer"]);
  assert.match(said, /WHAT THE REQUESTER SAYS[\s\S]*stuck[\s\S]*WHAT A MODEL THINKS OF IT[\s\S]*approve it/);
  await look(tab, gate, id);

  // Everything that is in it is named, and is there as a name.
  const page = await text(tab);
  const of = (kind) => shown.display.blocks.filter((block) => block.kind === kind).flatMap((block) => block.lines.map((line) => line.runs.map((run) => run.text).join("")));
  for (const line of NAMED) assert.ok(of("warnings").includes(line), `${line} is not in:\n${of("warnings").join("\n")}`);
  for (const line of SHOWN) assert.ok(of("payload").some((one) => one.includes(line)), `${line} is not in:\n${of("payload").join("\n")}`);
  assert.doesNotMatch(page.whole, HAZARD);

  // And the page has those lines, in their order, and no word beside them.
  const wanted = expected(shown, terminal);
  assert.deepEqual(page.lines, wanted);
  assert.equal(ink(page.whole), ink(wanted.join("")));
  // Whose words each run is, is as the terminal has it.
  const runs = await tab.run(() => [...document.querySelectorAll("#signed .ln > span")].map((run) => [run.className, run.textContent]));
  assert.deepEqual(runs, shown.display.blocks.flatMap((block) => block.lines.flatMap((line) => line.runs.map((run) => [CLASSES[run.kind], run.text]))));
  // What it claims stands apart, under that word.
  const sources = new Set(shown.view.facts.map(({ source }) => source));
  assert.deepEqual([...sources].sort(), ["claimed", "unknown", "verified"]);
  const claims = await tab.run(() => [...document.querySelectorAll("#says .claim")].map((claim) => [claim.querySelector("h3").textContent, claim.querySelector("blockquote").textContent]));
  assert.deepEqual(claims, shown.says.map(({ name, text: said }) => [`${MARKS.claimed} ${quiet(name)} ${Buffer.byteLength(said)} bytes`, quiet(said)]));

  // For whom no module opens it, the gate's own page says the same, and the criteria after it.
  await be(tab, "second");
  await tab.open(`${gate.url}/requests/${id}`);
  const made = await text(tab);
  assert.deepEqual(made.lines.slice(0, made.lines.indexOf("Criteria")).map(ink), wanted.map(ink));
  assert.deepEqual(tab.problems, []);
} finally {
  await chrome.end();
  await gate.end();
}
