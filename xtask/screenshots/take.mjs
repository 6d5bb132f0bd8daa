// Pictures of every page of the review console: light and dark, desktop and phone. Started by `cargo xtask screenshots` with
// the paths of gatehold, Chromium and axe, and the folder for the pictures; everything else is in a folder of its own.
// A page that logs an error, breaks its own content policy, is wider than the screen or has barriers (WCAG 2.2 AA) fails the run.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { furnish } from "./browser.mjs";

const [gatehold, chromium, axe, out] = process.argv.slice(2);
const look = readFileSync(axe, "utf8");
const { command, gate, browser, tab, problems, clear } = furnish(gatehold, chromium);

const SCREENS = [
  { name: "desktop", width: 1280, height: 720, scale: 1, mobile: false },
  { name: "phone", width: 360, height: 740, scale: 2, mobile: true },
];

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

  for (const id of [9, 11, 12]) ask(task, `UPDATE orders SET status = 'retry' WHERE id = ${id}`, ["--cap", "rows=1"]);
  command(["claim", all, "--as", "second"]);
  command(["claim", one, "--as", "reviewer"]);

  await page.open(`${url}/`);
  await page.run(`document.querySelectorAll("main details").forEach((one) => { one.open = true; })`);
  await picture(page, "inbox");
  ask(task, "DELETE FROM orders WHERE id = 3", ["--cap", "rows=1"]);
  await page.run(`new Promise((resolve) => { const look = () => (document.querySelector(".row.new") ? resolve() : requestAnimationFrame(look)); look(); })`);
  await picture(page, "inbox-arrived");
  await page.open(`${url}/?view=expiring`);
  await picture(page, "inbox-expiring");
  await page.run(`document.dispatchEvent(new KeyboardEvent("keydown", { key: "j", bubbles: true }))`);
  await page.run(`document.dispatchEvent(new KeyboardEvent("keydown", { key: "?", bubbles: true }))`);
  await picture(page, "keys");
  await page.open(`${url}/?view=all`);
  await page.run(`document.dispatchEvent(new KeyboardEvent("keydown", { key: ":", bubbles: true }))`);
  await picture(page, "palette");
  await page.open(`${url}/find?q=req_ffff`);
  await picture(page, "find");
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
  await page.act(`document.querySelector('button[name="person"][value^="owner@"]').click()`);
  await picture(page, "inbox-quiet");
  await page.open(`${url}/?view=accountable`);
  await picture(page, "inbox-accountable");
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
} finally {
  await clear(chrome, serving);
}
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
