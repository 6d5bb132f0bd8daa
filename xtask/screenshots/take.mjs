// Every page of the review console: light and dark, desktop and phone. Started by `cargo xtask pages` with the paths of gatehold,
// Chromium and axe, and by `cargo xtask screenshots` also with the folder for pictures; everything else is in a folder of its own.
// A page that logs an error, breaks its own content policy, is wider than the screen, has barriers (WCAG 2.2 AA), does not begin
// with what is asked for, or stands in docs/reference/console.md and is not looked at here fails the run.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Chrome, Gate } from "../../crates/gatehold/tests/browser/chrome.mjs";
import { addPasskey, answer, look, signIn } from "../../crates/gatehold/tests/browser/pages.mjs";
import { identityProvider } from "./identity_provider.mjs";

const [gatehold, chromium, axe, out] = process.argv.slice(2);
const axeSource = readFileSync(axe, "utf8");
const reference = readFileSync(join(import.meta.dirname, "../../docs/reference/console.md"), "utf8");
const problems = [];
/** Paths of the pages that were looked at. */
const looked = new Set();

const SCREENS = [
  { name: "desktop", width: 1280, height: 720, scale: 1, mobile: false },
  { name: "phone", width: 360, height: 740, scale: 2, mobile: true },
];

async function picture(page, name) {
  looked.add((await page.run("location.pathname")).replace(/(req|tsk)_[0-9a-f]+/, "{id}"));
  for (const screen of SCREENS) {
    const show = (height) => page.send("Emulation.setDeviceMetricsOverride", { width: screen.width, height, deviceScaleFactor: screen.scale, mobile: screen.mobile });
    await show(screen.height);
    // A finger and no mouse, as style sheets ask for it.
    await page.send("Emulation.setTouchEmulationEnabled", { enabled: screen.mobile });
    for (const scheme of ["light", "dark"]) {
      await page.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }, { name: "prefers-reduced-motion", value: "reduce" }] });
      const wide = await page.run("document.documentElement.scrollWidth - document.documentElement.clientWidth");
      if (wide > 0) problems.push(`${name} is ${wide} pixels wider than a ${screen.name}`);
      const height = Math.min(await page.run("document.documentElement.scrollHeight"), 8000);
      // As tall as the page, so that what sticks to the screen's edge covers nothing.
      if (height > screen.height) await show(height);
      await kept(page, `${name}-${screen.name}-${scheme}`);
      await barriers(page, `${name} (${screen.name}, ${scheme})`);
      if (height > screen.height) await show(screen.height);
    }
  }
  await page.send("Emulation.setTouchEmulationEnabled", { enabled: false });
  console.log(`  ${name}`);
}

/** Keeps a picture, where pictures are wanted. */
async function kept(page, name) {
  if (!out) return;
  const { data } = await page.send("Page.captureScreenshot", { format: "png" });
  writeFileSync(join(out, `${name}.png`), Buffer.from(data, "base64"));
}

/** What keeps somebody from using a page, as far as a program can tell. It is evaluated past the page's own policy. */
async function barriers(page, name) {
  const rules = JSON.stringify({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
  if (await page.run("!globalThis.axe")) await page.run(`${axeSource}; true`);
  const found = await page.run(`axe.run(document, ${rules}).then(({ violations }) => violations.map(({ id, help, nodes }) => id + ": " + help + ": " + nodes[0].html))`);
  for (const barrier of found) problems.push(`${name}: ${barrier}`);
}

/** Strip, sentence, why it is held and the beginning of the exact action are seen without scrolling, above the decision bar. */
async function onFirstScreen(page, name, held) {
  await page.send("Emulation.setDeviceMetricsOverride", { width: 1280, height: 720, deviceScaleFactor: 1, mobile: false });
  const bar = await page.run(`document.querySelector(".bar")?.getBoundingClientRect().height ?? 0`);
  for (const part of ["#signed .strip", "#signed h1.sentence", ...(held ? ["#signed ul.why"] : []), ".exact-action h2", ".payload .code"]) {
    const seen = await page.run((chosen) => {
      scrollTo(0, 0);
      const place = document.querySelector(chosen)?.getBoundingClientRect();
      // What grows is scrolled: its beginning is what stands there.
      return place && [place.top, chosen === ".payload .code" ? Math.min(place.top + 32, place.bottom) : place.bottom];
    }, part);
    if (!seen || seen[0] < 0 || seen[1] > 720 - bar) problems.push(`${name}: ${part} is not on the first screen (${seen})`);
  }
}

/** On a phone an answer that is being filled in leaves at least half of the screen to what it is about. */
async function leavesRoom(page, name) {
  await page.send("Emulation.setDeviceMetricsOverride", { width: 360, height: 740, deviceScaleFactor: 1, mobile: true });
  for (const one of await page.run(`[...document.querySelectorAll("#acts details")].map(({ id }) => id)`)) {
    const [bar, whole] = await page.run((id) => {
      for (const other of document.querySelectorAll("#acts details")) other.open = other.id === id;
      return [document.querySelector(".bar").getBoundingClientRect().height, innerHeight];
    }, one);
    if (bar > whole / 2) problems.push(`${name}: with ${one} open the bar takes ${bar} of ${whole} pixels of a phone`);
  }
  await page.run(() => { for (const one of document.querySelectorAll("#acts details")) one.open = false; });
}

/** No page of the reference was forgotten: whatever else is there answers with something that is no page. */
async function nothingForgotten(page, gate, request) {
  const paths = [...reference.matchAll(/^\| `GET (\S+)` \|/gm)].map(([, path]) => path);
  if (paths.length < 10) problems.push(`docs/reference/console.md lists ${paths.length} pages`);
  for (const path of paths.filter((path) => !looked.has(path))) {
    const target = path.replace("/tasks/{id}", `/tasks/${gate.task}`).replace("{id}", request).replace("{name}", "console.css");
    const answered = await page.run(async (address) => {
      const over = new AbortController();
      const answer = await fetch(address, { redirect: "manual", signal: over.signal });
      over.abort();
      return `${answer.status} ${answer.headers.get("content-type")}`;
    }, target);
    if (answered.startsWith("200 text/html")) problems.push(`${path} is a page that nobody looks at here`);
  }
}

/** As it comes out of a printer: on white, whole, without what can only be pressed. */
async function printed(page, name) {
  await page.send("Emulation.setEmulatedMedia", { media: "print", features: [{ name: "prefers-color-scheme", value: "light" }] });
  await page.send("Emulation.setDeviceMetricsOverride", { width: 794, height: 1600, deviceScaleFactor: 1, mobile: false });
  await kept(page, name);
  await page.send("Emulation.setEmulatedMedia", { media: "" });
}

async function scenes(page, gate) {
  const { url } = gate;
  await page.open(url);
  await picture(page, "sign-in");
  await signIn(page, gate, "reviewer");
  if ((await page.run("location.pathname")) !== "/") throw new Error("the code was not taken");
  const seen = `fetch("/session/seen", { method: "POST", body: new URLSearchParams(new FormData(document.getElementById("seen"))) })`;
  if ((await page.run(`${seen}.then((answer) => answer.status)`)) !== 204) throw new Error("nobody was seen");
  await picture(page, "inbox-empty");

  const one = gate.ask("UPDATE orders SET status = 'retry' WHERE id = 7", ["--cap", "rows=1", "--reason", "the payment worker crashed", "--rollback", "set it back to failed"]);
  const all = gate.ask("DELETE FROM orders", ["--reason", "<b>Already approved by security.</b>\n\nJust press approve \u202enow"]);
  const odd = gate.ask("UPDATE orders\n   SET customer = 'p\u0430ypal\u202eteg\u200b' -- harmless\n WHERE id IN (1, 2, 3)", ["--cap", "rows=3", "--ticket", "CHG-812"]);
  const taken = gate.ask("UPDATE orders SET status = 'paid' WHERE id = 4", ["--cap", "rows=1", "--reason", "the customer paid by bank transfer"]);
  gate.command(["deny", odd, "--reason", "context_missing", "--text", "whose order is it?", "--as", "reviewer"]);
  for (const person of ["reviewer", "second"]) approveInTerminal(gate, taken, person);
  gate.command(["request", "redeem", taken]);
  // Without a passkey the page says so; with one it is opened for review.
  await page.open(`${url}/requests/${one}`);
  await picture(page, "request-without-passkey");
  await page.authenticator();
  await page.open(`${url}/keys`);
  await picture(page, "keys-before");
  await addPasskey(page, gate);
  await picture(page, "keys");

  for (const id of [9, 11, 12]) gate.ask(`UPDATE orders SET status = 'retry' WHERE id = ${id}`, ["--cap", "rows=1"]);
  gate.command(["claim", all, "--as", "second"]);
  gate.command(["claim", one, "--as", "reviewer"]);

  await page.open(`${url}/`);
  await page.run(`document.querySelectorAll("main details").forEach((one) => { one.open = true; })`);
  await picture(page, "inbox");
  gate.ask("DELETE FROM orders WHERE id = 3", ["--cap", "rows=1"]);
  await page.run(`new Promise((resolve) => { const look = () => (document.querySelector(".row.new") ? resolve() : requestAnimationFrame(look)); look(); })`);
  await picture(page, "inbox-arrived");
  await page.open(`${url}/?view=expiring`);
  await picture(page, "inbox-expiring");
  await page.run(`document.dispatchEvent(new KeyboardEvent("keydown", { key: "j", bubbles: true }))`);
  await page.run(`document.dispatchEvent(new KeyboardEvent("keydown", { key: "?", bubbles: true }))`);
  await page.until(() => document.getElementById("keys")?.open);
  await picture(page, "help");
  await page.open(`${url}/?view=all`);
  await page.run(`document.dispatchEvent(new KeyboardEvent("keydown", { key: ":", bubbles: true }))`);
  await page.until(() => document.getElementById("palette")?.open);
  await picture(page, "palette");
  await page.open(`${url}/find?q=req_ffff`);
  await picture(page, "find");
  for (const [name, id] of [["request", one], ["request-red", all]]) {
    await look(page, gate, id);
    await picture(page, name);
    await onFirstScreen(page, name, true);
    await leavesRoom(page, name);
  }
  await page.run(`document.dispatchEvent(new KeyboardEvent("keydown", { key: "h", bubbles: true }))`);
  await page.until(() => document.getElementById("remind")?.open);
  await picture(page, "remind");
  await page.open(`${url}/requests/${all}/deciders`);
  await picture(page, "deciders");
  await page.open(`${url}/policy`);
  await picture(page, "policy");
  await look(page, gate, one);
  await answer(page, { fact: "1" });
  await page.until(() => !document.getElementById("approve").disabled);
  await picture(page, "request-armed");
  await page.run(`document.querySelectorAll("#acts details, #narrow").forEach((one) => { one.open = true; })`);
  await picture(page, "request-answers");
  for (const [name, id] of [["denied", odd], ["done", taken]]) {
    await page.open(`${url}/requests/${id}`);
    await picture(page, name);
    await onFirstScreen(page, name, false);
  }
  await look(page, gate, all);
  await page.run(`document.querySelectorAll("main details").forEach((one) => { one.open = true; })`);
  await picture(page, "request-red-untrusted");
  await page.open(`${url}/decided`);
  await picture(page, "decided");
  await page.open(`${url}/requests/${taken}`);
  await printed(page, "done-printed");
  await page.leave(`document.querySelector('button[name="person"][value^="owner@"]').click()`);
  await picture(page, "inbox-quiet");
  await owners(page, gate, taken);
  await page.open(`${url}/?view=accountable`);
  await picture(page, "inbox-accountable");
  await page.open(`${url}/requests/req_${"0".repeat(32)}`);
  await picture(page, "nothing");
  return taken;
}

/** What becomes of a decided request on its page, and the pages of whoever answers for workloads. */
async function owners(page, gate, taken) {
  const { url } = gate;
  const usable = gate.ask("UPDATE orders SET status = 'paid' WHERE id = 2", ["--cap", "rows=1", "--reason", "paid by card"]);
  for (const person of ["reviewer", "second"]) approveInTerminal(gate, usable, person);
  const { leaves } = JSON.parse(gate.command(["correct", taken, "--as", "second", "-o", "json"]));
  gate.command(["correct", taken, "--leaf", String(leaves[1].leaf), "I answered for order 3; the bank's letter was about order <b>4</b> \u202ealone", "--as", "second"]);
  for (const [name, id] of [["usable", usable], ["corrected", taken]]) {
    await page.open(`${url}/requests/${id}`);
    await page.run(`document.querySelectorAll("details.safe").forEach((one) => { one.open = true; })`);
    await picture(page, name);
  }
  await printed(page, "corrected-printed");
  await page.open(`${url}/workloads`);
  await picture(page, "workloads");
  await page.run(`document.querySelectorAll("details.safe").forEach((one) => { one.open = true; })`);
  await picture(page, "workloads-asked");
  await page.leave(`document.querySelector("a.within").click()`);
  await picture(page, "task");
  await page.open(`${url}/overview`);
  await picture(page, "overview");
  await page.run(`document.querySelectorAll("main details").forEach((one) => { one.open = true; })`);
  await picture(page, "overview-tables");
  await page.open(`${url}/break-glass`);
  await picture(page, "break-glass");
  gate.command(["stop", "task", gate.task, "--reason", "odd steps", "--as", "owner"]);
  await page.open(`${url}/workloads?all=true`);
  await picture(page, "workloads-stopped");
}

/** Approves with everything answered that is asked. */
function approveInTerminal(gate, id, person) {
  gate.command(["approve", id, "--as", person, "--because", "checked with billing", "--criteria", gate.answers(id, person)]);
}

if (out) mkdirSync(out, { recursive: true });
const gate = new Gate(gatehold);
await gate.start();
const chrome = new Chrome(chromium, gate.scratch);
try {
  const page = await (await chrome.person()).tab();
  await page.send("Emulation.setFocusEmulationEnabled", { enabled: true });
  const taken = await scenes(page, gate);
  await identityProvider(gatehold, await (await chrome.person()).tab(), picture);
  await nothingForgotten(page, gate, taken);
  problems.push(...page.problems.filter((problem) => !/\b40\d\b/.test(problem)));
} finally {
  await chrome.end();
  await gate.end();
}
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
