// What is as large as it may be, reversed, binary or very wide: its page opens, says what nobody can judge by reading, shows every
// byte of what is signed, makes it in pieces of which none is large, and answers a key between two of them. Started by
// `tests/browser.rs` with the paths of gatehold and Chromium; prints what took the browser longest.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { appendFileSync } from "node:fs";
import { join } from "node:path";

import { Chrome, freePort, Gate } from "./chrome.mjs";
import { addPasskey, look, signIn, state } from "./pages.mjs";

const [program, chromium] = process.argv.slice(2);
const gate = new Gate(program);
const chrome = new Chrome(chromium, gate.scratch);

/** An API that is never called here: nothing of this is approved. */
const API = `
[[target]]
id = "http:notes"
kind = "http"
base_url = "http://127.0.0.1:9"
methods = ["POST"]
paths = ["/notes"]
`;
const NOTES = `
[[resource]]
prefix = "notes/"
target = "http:notes"
env = "production"
zone = "notes"
sensitivity = "internal"
owner = "owner@dev.gatehold.local"
legacy_coarse = false
`;

/** Asks for something with these bytes; gives its name. */
function ask(bytes, [descriptor, target, resource] = ["sql.write", "sql:shop", "shop/orders"]) {
  const task = gate.command(["task", "start", "--purpose", "try what is too much"]).trim();
  const words = ["request", "create", "--task", task, "--descriptor", descriptor, "--target", target, "--resource", resource];
  return JSON.parse(gate.command([...words, "--payload", "-", "-o", "json"], [0, 3, 5], bytes)).request;
}

/** Bytes that nobody chose, the same every time. */
function noise(length) {
  const made = [];
  for (let number = 0; made.length * 32 < length; number += 1) made.push(createHash("sha256").update(`noise ${number}`).digest());
  return Buffer.concat(made).subarray(0, length);
}

/** An object of so many members, with names as short as they can be. */
function wide(members) {
  const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  const name = (number) => (number < 62 ? letters[number] : name(Math.floor(number / 62) - 1) + letters[number % 62]);
  return `{${Array.from({ length: members }, (_, number) => `"${name(number)}":0`).join(",")}}`;
}

/** The payload, as the part of the page says that has every byte of it. */
const exact = (tab) => tab.run(() => [...document.querySelectorAll("#signed .block.exact .ln")].map((line) => line.textContent).join(""));
function unescaped(text) {
  const bytes = [];
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] !== "\\") bytes.push(text.charCodeAt(at));
    else if (text[at + 1] === "x") { bytes.push(Number.parseInt(text.slice(at + 2, at + 4), 16)); at += 3; } else { bytes.push(text[at + 1] === "n" ? 10 : 92); at += 1; }
  }
  return Buffer.from(bytes);
}

/** A line is 200 columns at most, so it has no more runs than that. */
const RUNS_PER_LINE = 200;
/** As `RUNS_AT_ONCE` and `LINES_TOGETHER` of the page's module. */
const AT_ONCE = 2_000;
const TOGETHER = 200;

/** Nothing holds the page up: however much there is, a piece of it is made at once, and a part of it laid out. */
async function inPiecesOf(tab, what, display) {
  const lines = display.blocks.flatMap((block) => block.lines);
  const elements = lines.reduce((sum, line) => sum + 1 + line.runs.length, 0);
  const { made, lots, alone } = await tab.run(() => ({
    made: window.made,
    lots: [...document.querySelectorAll("#signed .lot")].map((lot) => [lot.children.length, getComputedStyle(lot).contentVisibility]),
    alone: [...document.querySelectorAll("#signed pre.code")].map((pre) => pre.querySelectorAll(":scope > .ln").length),
  }));
  // The first piece comes after what made the page ready, and the last goes on with everything else that is signed: a few hundred.
  const pieces = made.length - 1;
  assert.ok(pieces <= elements / AT_ONCE && pieces >= Math.floor(elements / (AT_ONCE + RUNS_PER_LINE)), `${what}: ${elements} elements in ${pieces + 1} pieces`);
  assert.ok(Math.max(...made) <= AT_ONCE + RUNS_PER_LINE + 500, `${what}: a piece of ${Math.max(...made)}`);
  assert.ok(made.reduce((sum, one) => sum + one) >= elements, `${what}: ${elements} are not made there`);
  // What is far away is not laid out, and what is not set apart is little.
  const apart = display.blocks.reduce((sum, block) => sum + Math.floor(block.lines.length / TOGETHER), 0);
  assert.deepEqual(lots, Array.from({ length: apart }, () => [TOGETHER, "auto"]), what);
  assert.ok(Math.max(...alone) < TOGETHER, `${what}: ${alone}`);
  return pieces;
}

const text = (tab) => tab.run(() => document.querySelector("main").innerText);

/** Opens a request, and where the page makes it in pieces presses a key between two of them. Gives whether it does, and what the key did. */
async function pressedBetweenPieces(tab, id) {
  await tab.open(`${gate.url}/requests/${id}`);
  const inPieces = await tab.run(() => new Promise((resolve) => {
    const look = () => {
      if (window.goOn || !document.getElementById("opened").hidden) resolve(window.goOn !== undefined);
      else requestAnimationFrame(look);
    };
    look();
  }));
  if (!inPieces) return [false, null];
  for (const type of ["keyDown", "keyUp"]) await tab.send("Input.dispatchKeyEvent", { type, key: "d", text: type === "keyDown" ? "d" : undefined, windowsVirtualKeyCode: 68 });
  const did = await tab.run(() => [document.querySelector("#act-deny").open, document.activeElement.textContent, document.getElementById("opened").hidden]);
  await tab.run(() => window.goOn());
  await tab.until(() => !document.getElementById("opened").hidden || document.getElementById("said").className.includes("bad"));
  return [true, did];
}

/** What the page notes of itself from its beginning: tasks that took long, and of each piece how many elements it made. It stands
 *  still after two. */
const WATCH = `
  window.pieces = 0;
  window.made = [0];
  const make = Document.prototype.createElement;
  Document.prototype.createElement = function (...how) {
    window.made[window.made.length - 1] += 1;
    return make.apply(this, how);
  };
  window.long = [];
  new PerformanceObserver((list) => window.long.push(...list.getEntries().map((one) => Math.round(one.duration)))).observe({ type: "longtask", buffered: true });
  const later = window.setTimeout;
  window.setTimeout = (act, after, ...more) => {
    if (after) return later(act, after, ...more);
    window.pieces += 1;
    window.made.push(0);
    if (window.pieces !== 2) return later(act);
    window.goOn = () => later(act);
    return 0;
  };
`;

try {
  await gate.start(["--port", String(await freePort())]);
  appendFileSync(join(gate.home, "targets.toml"), API);
  appendFileSync(join(gate.home, "gatehold.toml"), NOTES);
  await gate.restart();
  const tab = await (await chrome.person()).tab();
  await tab.send("Emulation.setFocusEmulationEnabled", { enabled: true });
  await tab.authenticator();
  await signIn(tab, gate, "reviewer");
  await addPasskey(tab, gate);
  await tab.send("Page.addScriptToEvaluateOnNewDocument", { source: WATCH });
  const report = async (what) => {
    const long = await tab.run(() => window.long);
    console.log(`${what}: ${await tab.run("window.pieces")} pieces; ${long.length} tasks of 50 ms or more, the longest ${Math.max(0, ...long)} ms`);
  };

  // More than a payload may be is no request; as much as it may be is one that nobody may let out, and its page says why.
  const start = "UPDATE orders SET note = '";
  const large = (length) => `${start}${"x".repeat(length - start.length - 1)}'`;
  assert.throws(() => ask(large((1 << 20) + 1)), /1048577 bytes; at most 1048576 are accepted: split the action/);
  for (const [what, payload, where] of [
    ["1 MiB", large(1 << 20)],
    ["1 MiB that nobody can read", noise(1 << 20)],
    ["ten thousand members", `{"method":"POST","path":"/notes","body":${wide(10_000)}}`, ["http.write", "http:notes", "notes/one"]],
  ]) {
    const id = ask(payload, where);
    await tab.open(`${gate.url}/requests/${id}`);
    assert.equal(await state(tab), "DENIED", what);
    const page = await text(tab);
    assert.match(page, /UNINSPECTABLE[\s\S]*Look twice[\s\S]*Too large to show in full/, what);
    assert.match(page, new RegExp(`${Buffer.byteLength(payload).toLocaleString("en-US")}|${Buffer.byteLength(payload)}`), what);
    await report(what);
  }

  // What may be decided is shown whole, by the module that signs, and every byte of it is there.
  const wall = "\u05e9\u05dc\u05d5\u05dd \u202eretupmoc\u202c ";
  for (const [what, payload, many, unreadable, where] of [
    ["right to left", `${start}${wall.repeat(1_500)}' WHERE id = 7`, true, false],
    ["binary", noise(60 << 10), true, true],
    ["20,000 empty lines", `${start}${"\n".repeat(20_000)}'`, false, false],
    ["a mark between any two letters", `${start}${"a\u0001".repeat(30_000)}'`, true, false],
    ["eight thousand members", `{"method":"POST","path":"/notes","body":${wide(8_000)}}`, true, false, ["http.write", "http:notes", "notes/one"]],
  ]) {
    const bytes = Buffer.from(payload);
    const id = ask(bytes, where);
    const [inPieces, did] = await pressedBetweenPieces(tab, id);
    assert.equal(await tab.run(() => document.getElementById("said").innerText), "", what);
    assert.equal(await tab.run(() => document.getElementById("opened").hidden), false, what);
    assert.ok(unescaped(await exact(tab)).equals(bytes), `${what}: not every byte is there`);
    const { display } = JSON.parse(gate.command(["show", id, "--as", "reviewer", "-o", "json"]));
    const pieces = await inPiecesOf(tab, what, display);
    assert.equal(inPieces, many, `${what}: ${pieces} pieces`);
    assert.equal(pieces > 0, many, what);
    if (many) assert.deepEqual(did, [true, "Deny d", true], `${what}: the key was not heard between two pieces`);
    const page = await tab.run(() => document.querySelector("#signed .strip").innerText);
    assert.match(page, /HELD[\s\S]*RED/, what);
    assert.equal(/UNINSPECTABLE/.test(page), unreadable, `${what}: ${page}`);
    await report(what);
    // Nothing of it stands wider than the page, and nothing turned its direction.
    assert.equal(await tab.run(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0, what);
    assert.deepEqual(await tab.run(() => [...new Set([...document.querySelectorAll("#signed .ln")].slice(0, 500).map((line) => getComputedStyle(line).direction))]), ["ltr"], what);
    assert.ok(await tab.run(() => document.getElementById("approve").disabled), `${what}: nobody has read it yet`);
    // Reading to its end is what arms it, however many lines are laid out only then.
    await tab.run(() => document.querySelector(".exact-action .end").scrollIntoView());
    await tab.until(() => !/read to the end/.test(document.getElementById("yet").textContent));
  }
  assert.deepEqual(tab.problems, []);
  gate.command(["audit", "verify"]);
} finally {
  await chrome.end();
  await gate.end();
}
