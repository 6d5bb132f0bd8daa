// A development gate in a folder of its own and Chromium over its debugging pipe, for whatever looks at pages as people do.

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What is started with these programs; `problems` is what went wrong on any page. */
export function furnish(gatehold, chromium) {
  const scratch = mkdtempSync(join(tmpdir(), "gatehold-screenshots-"));
  const home = join(scratch, "gate");
  const environment = { ...process.env, HOME: scratch, XDG_CONFIG_HOME: scratch, GATEHOLD_HOME: home, NO_COLOR: "1" };
  const problems = [];

  /** Ends what was started, and takes everything away that it left. */
  async function clear(...started) {
    for (const { child } of started) {
      const gone = new Promise((resolve) => { child.once("exit", resolve); });
      child.kill("SIGTERM");
      await gone;
    }
    // What the browser started in turn may still be writing.
    rmSync(scratch, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

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
    const hear = (listen) => chrome.heard.push((message) => { if (message.sessionId === sessionId) listen(message); });
    return { send, once, open, act, run, hear };
  }

  return { command, gate, browser, tab, problems, clear };
}
