// Chromium through its debugging pipe, a development gate beside it, and authenticators that Chromium simulates. No package is
// needed: only node, Chromium and the program under test.

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ends } from "./processes.mjs";

/** How long a condition may take to hold before a test fails and says what the page shows instead. */
const UNTIL_MILLISECONDS = 60_000;
/** How long anything may take that the browser was asked for: longer than a condition, which says more. */
const ANSWER_MILLISECONDS = 90_000;

/** What a promise gives; if it gives nothing, the test fails with these words and is not ended without any. */
async function inTime(promise, words) {
  let late;
  const never = new Promise((_, reject) => { late = setTimeout(() => reject(new Error(`never: ${words()}`)), ANSWER_MILLISECONDS).unref(); });
  try {
    return await Promise.race([promise, never]);
  } finally {
    clearTimeout(late);
  }
}

/** A port that nobody has. What is ended and started again takes one: another gate would take the usual one meanwhile. */
export const freePort = () => new Promise((found) => {
  const server = createServer();
  server.listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    server.close(() => found(port));
  });
});

/** A folder of its own, with a development gate in it that is ended with it. */
export class Gate {
  constructor(program) {
    this.program = program;
    this.scratch = mkdtempSync(join(tmpdir(), "gatehold-browser-"));
    this.home = join(this.scratch, "gate");
    this.environment = { ...process.env, HOME: this.scratch, XDG_CONFIG_HOME: this.scratch, GATEHOLD_HOME: this.home, NO_COLOR: "1" };
  }

  /** Starts it; gives the address of its console. */
  async start(more = []) {
    this.child = ends(spawn(this.program, ["dev", "--keep", this.home, ...more], { env: this.environment, stdio: ["ignore", "pipe", this.logs ? "pipe" : "inherit"] }));
    this.child.stderr?.setEncoding("utf8").on("data", (chunk) => this.logs.push(chunk));
    let text = "";
    this.child.stdout.setEncoding("utf8");
    this.child.stdout.on("data", (chunk) => {
      const printed = /one-time code[^:]*: (\d{3}-\d{3})/g;
      for (const [, code] of chunk.matchAll(printed)) this.code = code;
    });
    for await (const chunk of this.child.stdout.iterator({ destroyOnReturn: false })) {
      text += chunk;
      const found = text.match(/console\s+(http:\S+)/);
      if (found && text.includes("Ctrl-C")) {
        this.child.stdout.resume();
        this.url = found[1].replace(/\/$/, "");
        return this.url;
      }
    }
    throw new Error(`gatehold dev ended: ${text}`);
  }

  /** Starts what stands in its folder as a gate that somebody operates is started: no code, no generated people on its pages. */
  async serve() {
    this.child = ends(spawn(this.program, ["serve", "--config", join(this.home, "gatehold.toml")], { env: this.environment, stdio: ["ignore", "pipe", "inherit"] }));
    let text = "";
    this.child.stdout.setEncoding("utf8");
    for await (const chunk of this.child.stdout.iterator({ destroyOnReturn: false })) {
      text += chunk;
      if (!text.includes("gatehold serves")) continue;
      this.child.stdout.resume();
      return;
    }
    throw new Error(`gatehold serve ended: ${text}`);
  }

  /** Runs a command of gatehold; its exit code may be one of these. What is given after them it reads from its standard input. */
  command(words, codes = [0], input = undefined) {
    const stdin = input === undefined ? "ignore" : "pipe";
    try {
      return execFileSync(this.program, words, { env: this.environment, encoding: "utf8", maxBuffer: 64 << 20, input, stdio: [stdin, "pipe", "pipe"] });
    } catch (error) {
      if (codes.includes(error.status)) return error.stdout;
      throw new Error(`gatehold ${words.join(" ")}: exit ${error.status}: ${error.stderr}`);
    }
  }

  /** Asks for something as the workload; gives its name. */
  ask(payload, more = [], [descriptor, resource] = ["sql.write", "shop/orders"]) {
    this.task ??= this.command(["task", "start", "--purpose", "deployment 991 failed, repair order 7"]).trim();
    const words = ["request", "create", "--task", this.task, "--descriptor", descriptor, "--target", "sql:shop", "--resource", resource];
    return JSON.parse(this.command([...words, "--payload", payload, ...more, "-o", "json"], [0, 5])).request;
  }

  /** What is hoped for at every criterion of a request, and on red what stands on its page, for `--criteria`. */
  answers(id, person) {
    const { view, envelope, fact } = JSON.parse(this.command(["show", id, "--as", person, "-o", "json"]));
    const answers = view.criteria.map((criterion) => `${criterion.id}=${criterion.kind.choice?.[0] ?? "yes"}`);
    if (fact) {
      const name = fact.id.replace("fact.", "");
      answers.push(`${fact.id}=${envelope[name] ?? view.terms.limits.caps[name]}`);
    }
    return answers.join(",");
  }

  /** Where a request stands. */
  status(id) {
    return JSON.parse(this.command(["request", "show", id, "-o", "json"], [0, 3, 4, 5]));
  }

  /** Ends it and starts it again, at the same address: passkeys sign there and nowhere else. These tabs leave it first: a page loads
   * its icon when it likes, and a gate that is away would refuse it. */
  async restart(tabs = []) {
    for (const tab of tabs) await tab.open("about:blank");
    await this.stop();
    return this.start(["--port", new URL(this.url).port]);
  }

  async stop() {
    if (this.child?.exitCode !== null) return;
    const gone = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGTERM");
    await gone;
  }

  /** Has both reviewers approve a change of the gate, in a terminal. */
  approveAll(id) {
    for (const person of ["reviewer", "second"]) this.command(["approve", id, "--as", person, "--because", "looked at it", "--criteria", this.answers(id, person)]);
  }

  async end() {
    await this.stop();
    removed(this.scratch);
  }
}

/** A browser with a profile of its own. */
export class Chrome {
  constructor(program, scratch, more = []) {
    const options = [
      "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-background-networking", "--disable-component-update",
      "--disable-sync", "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1", "--force-color-profile=srgb", `--user-data-dir=${join(scratch, `profile-${process.pid}`)}`, ...more,
      ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []), "about:blank",
    ];
    this.child = ends(spawn(program, options, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] }));
    const [, , , write, read] = this.child.stdio;
    this.write = write;
    this.waiting = new Map();
    this.heard = new Set();
    this.number = 0;
    let rest = "";
    read.setEncoding("utf8");
    read.on("data", (chunk) => {
      const messages = (rest + chunk).split("\0");
      rest = messages.pop();
      for (const text of messages) this.#took(JSON.parse(text));
    });
  }

  #took(message) {
    if (!message.id) {
      for (const listen of [...this.heard]) listen(message);
      return;
    }
    const [resolve, reject] = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if (message.error) reject(new Error(message.error.message));
    else resolve(message.result);
  }

  send(method, params = {}, sessionId = undefined) {
    const answered = new Promise((resolve, reject) => {
      this.number += 1;
      this.waiting.set(this.number, [resolve, reject]);
      this.write.write(`${JSON.stringify({ id: this.number, method, params, sessionId })}\0`);
    });
    return inTime(answered, () => `${method} ${JSON.stringify(params).slice(0, 300)}`);
  }

  /** Cookies and authenticators of its own, as another person's browser has. */
  async person() {
    const { browserContextId } = await this.send("Target.createBrowserContext");
    return new Person(this, browserContextId);
  }

  async end() {
    const gone = new Promise((resolve) => this.child.once("exit", resolve));
    // Asked, and not killed: it ends its own processes first, and none of them writes into the profile any more.
    this.send("Browser.close").catch(() => {});
    const late = setTimeout(() => this.child.kill("SIGKILL"), 10_000);
    await gone;
    clearTimeout(late);
  }
}

/** Removes a folder, with what something wrote into it meanwhile: `rmSync` alone looks once at what is in it. */
export function removed(folder) {
  for (let left = 50; ; left -= 1) {
    try {
      return rmSync(folder, { recursive: true, force: true, maxRetries: 1, retryDelay: 100 });
    } catch (error) {
      if (left === 0) throw error;
    }
  }
}

/** Somebody's browser. */
class Person {
  constructor(chrome, context) {
    this.chrome = chrome;
    this.context = context;
  }

  /** A tab of theirs. */
  async tab() {
    const { targetId } = await this.chrome.send("Target.createTarget", { url: "about:blank", browserContextId: this.context });
    const { sessionId } = await this.chrome.send("Target.attachToTarget", { targetId, flatten: true });
    const tab = new Tab(this.chrome, sessionId, targetId);
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await tab.send(`${domain}.enable`);
    await tab.send("Page.setLifecycleEventsEnabled", { enabled: true });
    return tab;
  }
}

/** One tab. What its scripts throw and what its content policy refuses is in `problems`. */
export class Tab {
  constructor(chrome, session, target) {
    this.chrome = chrome;
    this.session = session;
    this.target = target;
    this.problems = [];
    chrome.heard.add(({ sessionId, method, params }) => {
      if (sessionId !== session) return;
      if (method === "Runtime.exceptionThrown") this.problems.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
      if (method === "Inspector.targetCrashed") this.problems.push("the page crashed");
      if (method === "Log.entryAdded" && params.entry.level === "error") this.problems.push(`${params.entry.text} ${params.entry.url ?? ""}`);
    });
  }

  send(method, params) {
    return this.chrome.send(method, params, this.session);
  }

  /** Calls for every event of this tab. What fails there is one of its problems: nobody waits for it. */
  hear(listen) {
    this.chrome.heard.add(async (message) => {
      if (message.sessionId !== this.session) return;
      try {
        await listen(message);
      } catch (error) {
        this.problems.push(String(error));
      }
    });
  }

  /** The next event of this name. */
  once(name) {
    const event = new Promise((resolve) => {
      const listen = ({ sessionId, method, params }) => {
        if (sessionId !== this.session || method !== name) return;
        this.chrome.heard.delete(listen);
        resolve(params);
      };
      this.chrome.heard.add(listen);
    });
    return inTime(event, () => `${name}; problems: ${this.problems.join("; ")}`);
  }

  /** Evaluates an expression, or calls a function with values. */
  async run(expression, ...values) {
    const source = typeof expression === "function" ? `(${expression})(...${JSON.stringify(values)})` : expression;
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", { expression: source, returnByValue: true, awaitPromise: true, userGesture: true });
    if (exceptionDetails) throw new Error(`${source.slice(0, 300)}: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`);
    return result.value;
  }

  /** Goes to an address and waits until it is loaded. */
  async open(url) {
    // A page that is about to load itself again is told first that somebody leaves: after a key, its own wish would count for more.
    await this.send("Runtime.evaluate", { expression: `dispatchEvent(new Event("beforeunload"))` });
    // By the loader of this very navigation: what a key began before may end meanwhile.
    const { chrome, session } = this;
    const loads = new Set();
    let wanted;
    let done;
    const loaded = new Promise((resolve) => { done = resolve; });
    const look = () => { if (loads.has(wanted)) done(); };
    const listen = ({ sessionId, method, params }) => {
      if (sessionId !== session || method !== "Page.lifecycleEvent" || params.name !== "load") return;
      loads.add(params.loaderId);
      look();
    };
    chrome.heard.add(listen);
    try {
      const { errorText, loaderId } = await this.send("Page.navigate", { url });
      if (errorText) throw new Error(`${url}: ${errorText}`);
      if (!loaderId) return;
      wanted = loaderId;
      look();
      await inTime(loaded, () => `${url} was loaded; problems: ${this.problems.join("; ")}`);
    } finally {
      chrome.heard.delete(listen);
    }
  }

  /** Does something that leads to another page. */
  async leave(expression, ...values) {
    const loaded = this.once("Page.loadEventFired");
    await this.run(expression, ...values);
    await loaded;
  }

  /** Waits until a condition holds; the browser says when something changed, so nothing is slept. */
  until(condition, ...values) {
    // Part of what is evaluated, not a text that the page would have to evaluate: its policy forbids that.
    const holds = `() => (${condition})(...${JSON.stringify(values)})`;
    return this.run(`new Promise((resolve, reject) => {
      const holds = ${holds};
      if (holds()) { resolve(true); return; }
      const seen = () => document.querySelector("main").innerText.slice(-800);
      const watch = new MutationObserver(() => { if (holds()) end(() => resolve(true)); });
      const over = setTimeout(() => end(() => reject(new Error("never: ${JSON.stringify(String(condition)).slice(1, -1)}; the page says: " + seen()))), ${UNTIL_MILLISECONDS});
      const end = (act) => { watch.disconnect(); clearTimeout(over); act(); };
      watch.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    })`);
  }

  /** Has the page name a module of its gate by the hash of what is served, as its own tags do: it has no other brought in. */
  brings(name) {
    return this.run(async (file) => {
      const bytes = await (await fetch(`/static/${file}`)).arrayBuffer();
      const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
      const link = document.createElement("link");
      Object.assign(link, { rel: "modulepreload", href: `/static/${file}`, integrity: `sha256-${btoa(String.fromCharCode(...hash))}` });
      const loaded = new Promise((done, failed) => { Object.assign(link, { onload: done, onerror: failed }); });
      document.head.append(link);
      await loaded;
    }, name);
  }

  /** A simulated authenticator with a user who is there and is verified. Gives its name. */
  async authenticator(more = {}) {
    await this.send("WebAuthn.enable");
    const options = {
      protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
      automaticPresenceSimulation: true, ...more,
    };
    const { authenticatorId } = await this.send("WebAuthn.addVirtualAuthenticator", { options });
    return authenticatorId;
  }
}
