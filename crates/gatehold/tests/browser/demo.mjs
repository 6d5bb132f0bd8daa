// `gatehold demo --browser` as a newcomer plays it: one address and one code are printed, the rest is done on the pages. Started by
// `tests/browser.rs` with the paths of gatehold and Chromium.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Chrome, removed } from "./chrome.mjs";
import { act, addPasskey, answer, approve, be, look, signIn } from "./pages.mjs";
import { ends } from "./processes.mjs";

const [program, chromium] = process.argv.slice(2);
const scratch = mkdtempSync(join(tmpdir(), "gatehold-demo-browser-"));
const temporary = join(scratch, "tmp");
mkdirSync(temporary);

/** The demo, and what it has printed. */
class Demo {
  constructor() {
    const env = { ...process.env, HOME: scratch, XDG_CONFIG_HOME: scratch, TMPDIR: temporary, NO_COLOR: "1" };
    delete env.GATEHOLD_HOME;
    this.child = ends(spawn(program, ["demo", "--browser"], { env, stdio: ["ignore", "pipe", "pipe"] }));
    this.text = "";
    this.waiting = new Set();
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (chunk) => {
        this.text += chunk;
        for (const seen of [...this.waiting]) seen();
      });
    }
    this.ended = new Promise((resolve) => this.child.once("close", (code) => {
      this.over = true;
      for (const seen of [...this.waiting]) seen();
      resolve(code);
    }));
  }

  /** Waits until it has printed this. */
  says(pattern) {
    return new Promise((resolve, reject) => {
      const seen = () => {
        const found = this.text.match(pattern);
        if (!found && !this.over) return;
        this.waiting.delete(seen);
        if (found) resolve(found);
        else reject(new Error(`the demo never said ${pattern}:\n${this.text}`));
      };
      this.waiting.add(seen);
      seen();
    });
  }

  async end() {
    this.child.kill("SIGTERM");
    await this.ended;
  }
}

/** The addresses at which somebody listens on this port, as the system writes them. */
function listening(port) {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  const lines = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((file) => readFileSync(file, "utf8").split("\n"));
  const sockets = lines.map((line) => line.trim().split(/\s+/)).filter(([, local, , kind]) => kind === "0A" && local.endsWith(`:${wanted}`));
  return sockets.map(([, local]) => local.split(":")[0]);
}

const demo = new Demo();
const chrome = new Chrome(chromium, scratch);
try {
  const [, url, port, code] = await demo.says(/console\s+(http:\/\/localhost:(\d+))\/\s+one-time code: (\d{3}-\d{3})/);
  const gate = { url, code };
  assert.deepEqual(listening(Number(port)), ["0100007F"], "on 127.0.0.1 and nowhere else");

  const [, link] = await demo.says(/YOUR TURN, in the browser: (http:\S+)/);
  assert.match(demo.text, /40 of 40 allowed[\s\S]*order 7 is still `failed`/);
  const id = link.split("/").pop();
  assert.equal(link, `${url}/requests/${id}`);
  // Whoever has no authenticator decides in a terminal: what is printed finds this gate, which nothing else names.
  const [, command, home] = await demo.says(/In another terminal: gatehold approve (\S+) --as reviewer --home (\S+)/);
  assert.equal(command, id);
  const inbox = execFileSync(program, ["inbox", "--as", "reviewer", "--home", home, "-o", "id"], { encoding: "utf8", env: { PATH: process.env.PATH, HOME: scratch } });
  assert.equal(inbox.trim(), id);
  const tab = await (await chrome.person()).tab();
  await tab.send("Emulation.setFocusEmulationEnabled", { enabled: true });
  await tab.authenticator();
  // The link leads to where the code is given.
  await tab.open(link);
  assert.equal(await tab.run("location.pathname"), "/sign-in");
  await signIn(tab, gate, "reviewer");
  await addPasskey(tab, gate);
  await look(tab, gate, id);
  // At once it cannot be approved.
  assert.equal(await tab.run(() => document.getElementById("approve").disabled), true);
  assert.match(await tab.run(() => document.getElementById("yet").textContent), /criteria are not met.*answer the question.*say why/);
  await answer(tab, { fact: "1" });
  await approve(tab);

  // A question on the way: the agent answers, and what it answers is shown as its claim.
  // From the request to a passkey, and back to it.
  await be(tab, "second");
  await tab.open(link);
  await tab.leave(() => document.querySelector("#decision a[href^='/keys']").click());
  await tab.leave(() => document.querySelector("#add button").click());
  assert.equal(await tab.run("location.href"), link);
  await tab.until(() => !document.getElementById("opened").hidden);
  await act(tab, "ask", { text: "which order is it?" });
  await demo.says(/which order is it\?\s+order 7 alone/);
  await look(tab, gate, id);
  assert.match(await tab.run(() => document.getElementById("says").textContent), /CLAIMED.*answer to question 1.*order 7 alone/s);
  await answer(tab, { fact: "1" });
  await approve(tab);
  await demo.says(/order 7 is `retry`/);

  const [, , hidden] = await demo.says(/(shown by its number.*U\+202E[\s\S]*)YOUR TURN, in the browser: (http:\S+)/);
  await look(tab, gate, hidden.split("/").pop());
  assert.match(await tab.run(() => [...document.querySelectorAll("#signed .exact-action .ch")].map((chip) => chip.textContent).join(" ")), /U\+202E/);
  // The demo ends its gate soon after, so nothing is asked of the page that comes next.
  await tab.run(() => {
    const form = document.querySelector("#act-suspicious form");
    form.elements.text.value = "it reads otherwise than it is";
    form.querySelector("button").click();
  });
  assert.equal(await demo.ended, 0, demo.text);
  for (const wanted of [
    "replays the approved request", "swaps the payload", "signs its own approval", "has its owner sign for it", "another workload uses the ticket",
    "uses the approval after it expired", "hides a bidi control", "goes on after its task ended",
  ]) {
    assert.ok(demo.text.includes(`REFUSED ${wanted}`), `${wanted}: ${demo.text}`);
  }
  assert.match(demo.text, /order 5 is still `shipped`[\s\S]*Ledger verified[\s\S]*one byte of leaf \d+ altered, and found/);
  assert.deepEqual(readdirSync(temporary), []);
} finally {
  await chrome.end();
  await demo.end();
  removed(scratch);
}
