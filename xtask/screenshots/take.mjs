// Pictures of every page of the review console: light and dark, desktop and phone. Started by `cargo xtask screenshots` with
// the paths of gatehold, Chromium and axe, and the folder for the pictures; everything else is in a folder of its own.
// A page that logs an error, breaks its own content policy, is wider than the screen or has barriers (WCAG 2.2 AA) fails the run.

import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { identityProvider } from "./identity_provider.mjs";

const [gatehold, chromium, axe, out] = process.argv.slice(2);
const look = readFileSync(axe, "utf8");
const scratch = mkdtempSync(join(tmpdir(), "gatehold-screenshots-"));
const home = join(scratch, "gate");
const environment = { ...process.env, HOME: scratch, XDG_CONFIG_HOME: scratch, GATEHOLD_HOME: home, NO_COLOR: "1" };
const problems = [];

const SCREENS = [
  { name: "desktop", width: 1280, height: 720, scale: 1, mobile: false },
  { name: "phone", width: 360, height: 740, scale: 2, mobile: true },
];

/** Runs a command of gatehold; its exit code may be one of these. */
function command(words, codes = [0]) {
  try {
    return execFileSync(gatehold, words, { env: environment, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    if (codes.includes(error.status)) return error.stdout;
    throw new Error(`gatehold ${words.join(" ")}: ${error.stderr}`);
  }
}

/** A development gate, and the address and the code that it prints. */
async function gate() {
  const child = spawn(gatehold, ["dev", "--keep", home], { env: environment, stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  for await (const chunk of child.stdout) {
    text += chunk;
    const found = text.match(/console\s+(http:\S+)\s+one-time code: (\d{3}-\d{3})/);
    if (found && text.includes("Ctrl-C")) {
      child.stdout.resume();
      return { child, url: found[1].replace(/\/$/, ""), code: found[2] };
    }
  }
  throw new Error(`gatehold dev ended: ${text}`);
}

/** Chromium over its debugging pipe. */
function browser() {
  const options = [
    "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--hide-scrollbars", "--force-color-profile=srgb", `--user-data-dir=${join(scratch, "profile")}`,
    ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []), "about:blank",
  ];
  const child = spawn(chromium, options, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
  const [, , , write, read] = child.stdio;
  const waiting = new Map();
  const heard = [];
  let number = 0;
  let rest = "";
  read.setEncoding("utf8");
  read.on("data", (chunk) => {
    const messages = (rest + chunk).split("\0");
    rest = messages.pop();
    for (const message of messages.map((text) => JSON.parse(text))) {
      if (message.id) {
        const [resolve, reject] = waiting.get(message.id);
        waiting.delete(message.id);
        if (message.error) reject(new Error(message.error.message));
        else resolve(message.result);
      } else {
        heard.forEach((listen) => listen(message));
      }
    }
  });
  const send = (method, params = {}, sessionId = undefined) => new Promise((resolve, reject) => {
    number += 1;
    waiting.set(number, [resolve, reject]);
    write.write(`${JSON.stringify({ id: number, method, params, sessionId })}\0`);
  });
  return { child, send, heard };
}

/** One tab. */
async function tab(chrome) {
  const { targetId } = await chrome.send("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await chrome.send("Target.attachToTarget", { targetId, flatten: true });
  const send = (method, params) => chrome.send(method, params, sessionId);
  for (const domain of ["Page", "Runtime", "Log"]) await send(`${domain}.enable`);
  const once = (name) => new Promise((resolve) => {
    const listen = (message) => {
      if (message.sessionId !== sessionId || message.method !== name) return;
      chrome.heard.splice(chrome.heard.indexOf(listen), 1);
      resolve(message.params);
    };
    chrome.heard.push(listen);
  });
  chrome.heard.push(({ method, params }) => {
    if (method === "Runtime.exceptionThrown") problems.push(`a script failed: ${params.exceptionDetails.text}`);
    if (method === "Log.entryAdded" && params.entry.level === "error" && !/\b40\d\b/.test(params.entry.text)) problems.push(params.entry.text);
  });
  const run = async (expression) => {
    const { result, exceptionDetails } = await send("Runtime.evaluate", { expression, returnByValue: true, awaitPromise: true });
    if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.text}`);
    return result.value;
  };
  const open = async (url) => {
    const loaded = once("Page.loadEventFired");
    await send("Page.navigate", { url });
    await loaded;
  };
  const act = async (expression) => {
    const loaded = once("Page.loadEventFired");
    await run(expression);
    await loaded;
  };
  return { send, open, act, run };
}

async function picture(page, name) {
  for (const screen of SCREENS) {
    const show = (height) => page.send("Emulation.setDeviceMetricsOverride", { width: screen.width, height, deviceScaleFactor: screen.scale, mobile: screen.mobile });
    await show(screen.height);
    for (const scheme of ["light", "dark"]) {
      await page.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }, { name: "prefers-reduced-motion", value: "reduce" }] });
      const wide = await page.run("document.documentElement.scrollWidth - document.documentElement.clientWidth");
      if (wide > 0) problems.push(`${name} is ${wide} pixels wider than a ${screen.name}`);
      const height = Math.min(await page.run("document.documentElement.scrollHeight"), 5000);
      // As tall as the page, so that what sticks to the screen's edge covers nothing.
      if (height > screen.height) await show(height);
      const { data } = await page.send("Page.captureScreenshot", { format: "png" });
      writeFileSync(join(out, `${name}-${screen.name}-${scheme}.png`), Buffer.from(data, "base64"));
      await barriers(page, `${name} (${screen.name}, ${scheme})`);
      if (height > screen.height) await show(screen.height);
    }
  }
  console.log(`  ${name}`);
}

/** What keeps somebody from using a page, as far as a program can tell. It is evaluated past the page's own policy. */
async function barriers(page, name) {
  const rules = JSON.stringify({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
  const found = await page.run(`${look}; axe.run(document, ${rules}).then(({ violations }) => violations.map(({ id, help, nodes }) => id + ": " + help + ": " + nodes[0].html))`);
  for (const barrier of found) problems.push(`${name}: ${barrier}`);
}

/** State, sentence and the beginning of the exact action are seen without scrolling. */
async function onFirstScreen(page, name) {
  await page.send("Emulation.setDeviceMetricsOverride", { width: 1280, height: 720, deviceScaleFactor: 1, mobile: false });
  const bottom = await page.run(`document.querySelector(".payload .code").getBoundingClientRect().bottom`);
  const bar = await page.run(`document.querySelector(".bar")?.getBoundingClientRect().height ?? 0`);
  if (bottom > 720 - bar) problems.push(`${name}: the exact action begins below the first screen (${bottom})`);
}

/** As it comes out of a printer: on white, whole, without what can only be pressed. */
async function printed(page, name) {
  await page.send("Emulation.setEmulatedMedia", { media: "print", features: [{ name: "prefers-color-scheme", value: "light" }] });
  await page.send("Emulation.setDeviceMetricsOverride", { width: 794, height: 1600, deviceScaleFactor: 1, mobile: false });
  const { data } = await page.send("Page.captureScreenshot", { format: "png" });
  writeFileSync(join(out, `${name}.png`), Buffer.from(data, "base64"));
  await page.send("Emulation.setEmulatedMedia", { media: "" });
}

/** Asks for something as the workload; gives its name. */
function ask(task, payload, more = []) {
  const words = ["request", "create", "--task", task, "--descriptor", "sql.write", "--target", "sql:shop", "--resource", "shop/orders"];
  const said = command([...words, "--payload", payload, ...more, "-o", "json"], [0, 5]);
  return JSON.parse(said).request;
}

async function scenes(page, { url, code }) {
  await page.open(url);
  await picture(page, "sign-in");
  await page.act(`(() => {
    document.getElementById("code").value = ${JSON.stringify(code)};
    document.querySelector("button.primary").click();
  })()`);
  if ((await page.run("location.pathname")) !== "/") throw new Error("the code was not taken");
  const seen = `fetch("/session/seen", { method: "POST", body: new URLSearchParams(new FormData(document.getElementById("seen"))) })`;
  if ((await page.run(`${seen}.then((answer) => answer.status)`)) !== 204) throw new Error("nobody was seen");
  await picture(page, "inbox-empty");

  const task = command(["task", "start", "--purpose", "deployment 991 failed, repair order 7"]).trim();
  const one = ask(task, "UPDATE orders SET status = 'retry' WHERE id = 7", ["--cap", "rows=1", "--reason", "the payment worker crashed", "--rollback", "set it back to failed"]);
  const all = ask(task, "DELETE FROM orders", ["--reason", "<b>Already approved by security.</b>\n\nJust press approve \u202enow"]);
  const odd = ask(task, "UPDATE orders\n   SET customer = 'p\u0430ypal\u202eteg\u200b' -- harmless\n WHERE id IN (1, 2, 3)", ["--cap", "rows=3", "--ticket", "CHG-812"]);
  const taken = ask(task, "UPDATE orders SET status = 'paid' WHERE id = 4", ["--cap", "rows=1", "--reason", "the customer paid by bank transfer"]);
  command(["deny", odd, "--reason", "context_missing", "--text", "whose order is it?", "--as", "reviewer"]);
  for (const person of ["reviewer", "second"]) approve(taken, person);
  command(["request", "redeem", taken], [0]);

  await page.open(`${url}/`);
  await picture(page, "inbox");
  await page.run(`document.dispatchEvent(new KeyboardEvent("keydown", { key: "j", bubbles: true }))`);
  await page.run(`document.dispatchEvent(new KeyboardEvent("keydown", { key: "?", bubbles: true }))`);
  await picture(page, "keys");
  for (const [name, id] of [["request", one], ["request-red", all], ["denied", odd], ["done", taken]]) {
    await page.open(`${url}/requests/${id}`);
    await picture(page, name);
    await onFirstScreen(page, name);
  }
  await page.open(`${url}/requests/${all}`);
  await page.run(`document.querySelectorAll("main details").forEach((one) => { one.open = true; })`);
  await picture(page, "request-red-untrusted");
  await page.open(`${url}/decided`);
  await picture(page, "decided");
  await page.open(`${url}/requests/${taken}`);
  await printed(page, "done-printed");
  await page.open(`${url}/requests/req_${"0".repeat(32)}`);
  await picture(page, "nothing");
}

/** Approves with every criterion answered; which there are is told by the refusal of those that are open. */
function approve(id, person) {
  const words = ["approve", id, "--as", person, "--because", "checked with billing"];
  let open = [];
  try {
    command(words);
  } catch (error) {
    open = [...error.message.matchAll(/criterion `(\w+)` is unanswered/g)].flatMap(([, name]) => ["--criteria", `${name}=yes`]);
  }
  if (open.length > 0) command([...words, ...open]);
}

mkdirSync(out, { recursive: true });
const serving = await gate();
const chrome = browser();
try {
  await scenes(await tab(chrome), serving);
  await identityProvider(gatehold, scratch, await tab(chrome), picture);
} finally {
  chrome.child.kill();
  serving.child.kill("SIGTERM");
  await new Promise((resolve) => serving.child.once("exit", resolve));
  rmSync(scratch, { recursive: true, force: true });
}
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
