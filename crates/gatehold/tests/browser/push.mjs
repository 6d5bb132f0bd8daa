// People are told in their browsers: a gate, a push service beside it that checks who sends and decrypts, and Chromium. What is not
// played here is the subscription at a push service of the browser's maker, which no test may depend on: Chromium's own call of it is
// answered by ours, and everything before and after it is the page's. Started by `tests/browser.rs` with the paths of gatehold and
// Chromium.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { Chrome, Gate } from "./chrome.mjs";
import { PushService } from "./push_service.mjs";
import { be, signIn } from "./pages.mjs";

/** How long something may take to be there. */
const UNTIL_MILLISECONDS = 60_000;

const [program, chromium] = process.argv.slice(2);
const gate = new Gate(program);
gate.logs = [];
const service = new PushService();
await service.start();
await gate.start();
await gate.stop();

const file = (name) => join(gate.home, name);
const made = JSON.parse(gate.command(["channel", "key", file("push.key"), "-o", "json"]));
const key = made.public_key;
assert.equal(statSync(file("push.key")).mode & 0o777, 0o600);
const secret = readFileSync(file("push.key"), "utf8").trim();
assert.equal(secret.length, 43);
const channel = `[[channel]]
name = "browsers"
kind = "push"
key_file = "${file("push.key")}"
contact = "mailto:ops@acme.example"
hosts = ["127.0.0.1"]
`;
writeFileSync(file("channels.toml"), channel);
chmodSync(file("channels.toml"), 0o600);
writeFileSync(file("gatehold.toml"), `channels_file = "channels.toml"\n${readFileSync(file("gatehold.toml"), "utf8")}`);
await gate.restart();

const chrome = new Chrome(chromium, gate.scratch);
const pages = [];

/** Somebody's browser, on the page of their keys; what its push service would give it, ours gives. */
async function subscribed(person, browser) {
  const tab = await (await chrome.person()).tab();
  pages.push(tab);
  await signIn(tab, gate, person);
  const origin = new URL(gate.url).origin;
  await chrome.send("Browser.setPermission", { permission: { name: "notifications" }, setting: "granted", origin, browserContextId: await context(tab) });
  await subscribe(tab, service.browser(browser, key));
  return tab;
}

const context = async (tab) => (await chrome.send("Target.getTargetInfo", { targetId: tab.target })).targetInfo.browserContextId;

async function subscribe(tab, given) {
  await tab.open(`${gate.url}/keys`);
  await tab.until(() => !document.getElementById("notify-here").hidden);
  assert.equal(await tab.run(() => document.getElementById("notify").dataset.key), key);
  await tab.run((given) => {
    PushManager.prototype.subscribe = async function subscribe({ userVisibleOnly, applicationServerKey }) {
      const asked = btoa(String.fromCharCode(...applicationServerKey)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
      if (!userVisibleOnly || asked !== document.getElementById("notify").dataset.key) throw new Error("asked for something else");
      return { toJSON: () => ({ endpoint: given.endpoint, keys: { p256dh: given.p256dh, auth: given.auth } }), unsubscribe: async () => true };
    };
  }, given);
  await tab.leave(() => document.querySelector("#notify-here button").click());
  assert.equal(await listed(tab), 1);
}

const listed = (tab) => tab.run(() => document.querySelectorAll("#notify .browser").length);
const browserId = (tab) => tab.run(() => document.querySelector("#notify .browser").id.replace("browser-", ""));

/** What a page may ask with its session, as a script of it would. */
const posted = (tab, path, fields) => tab.run(async (path, fields) => {
  const token = document.querySelector("input[name=token]").value;
  const answer = await fetch(path, { method: "POST", body: new URLSearchParams({ token, ...fields }), redirect: "manual" });
  return answer.type === "opaqueredirect" ? 303 : answer.status;
}, path, fields);

try {
  const reviewer = await subscribed("reviewer", "phone");
  // A code is good once, and every start prints one.
  await gate.restart([reviewer]);
  const second = await subscribed("second", "laptop");
  await reviewer.open(`${gate.url}/keys`);
  const text = await reviewer.run(() => document.getElementById("notify").innerText);
  assert.match(text, /127\.0\.0\.1/);
  assert.doesNotMatch(await reviewer.run(() => document.documentElement.outerHTML), /push\/phone/);

  // Whoever may decide is told: tier, sentence, words and a link, and nothing else that anybody said.
  const id = gate.ask("UPDATE orders SET status = 'retry' WHERE id = 7", ["--cap", "rows=1", "--reason", "canary-reason-93aa", "--ticket", "canary-ticket-0c77"]);
  const asked = await service.told("phone", id, "asked");
  const laptop = await service.told("laptop", id, "asked");
  const shown = JSON.parse(gate.command(["show", id, "--as", "reviewer", "-o", "json"]));
  assert.deepEqual(Object.keys(asked.told).sort(), ["link", "sentence", "tier", "what", "words"]);
  assert.equal(asked.told.tier, shown.view.tier.tier);
  assert.equal(asked.told.sentence, shown.view.sentence);
  assert.equal(asked.told.words, shown.words.join("-"));
  assert.ok(asked.told.link.endsWith(`/requests/${id}`));
  assert.ok(asked.ttl > 0 && asked.ttl <= 7 * 24 * 3600, `${asked.ttl}`);
  assert.equal(asked.urgency, { red: "high", amber: "normal", green: "low" }[asked.told.tier]);
  // The push service learns from neither length nor topic what or whom it is about.
  assert.match(asked.topic, /^[A-Za-z0-9_-]{32}$/);
  assert.notEqual(asked.topic, laptop.topic);
  assert.equal(asked.bytes, laptop.bytes);
  assert.ok(!asked.raw.includes("orders") && !asked.headers.topic.includes(id.slice(4, 12)));

  // The worker shows it, and a click leads to the request. Chromium lets a page's test deliver, but click nothing: the click is an event
  // of ours, and what it asks for is written down in place of a window, which Chromium opens for a hand alone.
  await worker(reviewer, asked.told, id);

  // Nobody sees, ends or changes another person's.
  const own = await browserId(reviewer);
  assert.equal(await posted(second, `/push/${own}/end`, {}), 303);
  await reviewer.open(`${gate.url}/keys`);
  assert.equal(await listed(reviewer), 1);

  // What a push service does not take comes again under the same topic, also after a kill, and what it took does not.
  service.status = 503;
  const again = gate.ask("UPDATE orders SET status = 'retry' WHERE id = 8", ["--cap", "rows=1"]);
  const refused = await service.first((one) => one.status === 503 && one.browser === "phone" && one.told.link.endsWith(again));
  for (const tab of pages) await tab.open("about:blank");
  gate.child.kill("SIGKILL");
  await new Promise((resolve) => gate.child.once("exit", resolve));
  service.status = 201;
  await gate.start(["--port", new URL(gate.url).port]);
  const repeated = await service.told("phone", again, "asked");
  assert.equal(repeated.topic, refused.topic);
  await service.told("laptop", again, "asked");

  // What a push service answers decides nothing, whatever it calls itself (threat A20): the gate ends in order, having taken every answer.
  const about = (told) => (told?.link ?? "").split("/").pop();
  service.saying = (told) => [
    { location: `${gate.url}/requests/${about(told)}/review`, "set-cookie": "gatehold=reviewer; Path=/", "x-gatehold-act": "approve", "content-type": "application/json" },
    JSON.stringify({ request: about(told), act: "approve", decision: "approve", approved: true, action: "approve", notification: "clicked" }),
  ];
  const answered = gate.ask("UPDATE orders SET status = 'retry' WHERE id = 9", ["--cap", "rows=1"]);
  for (const browser of ["phone", "laptop"]) await service.told(browser, answered, "asked");
  const leaves = exported();
  await gate.restart(pages);
  assert.equal(gate.status(answered).state, "held");
  assert.deepEqual(exported(), leaves);
  service.saying = () => [{}, ""];

  // It is over: that stands in place of the question, also for a browser that was off all the time.
  gate.command(["deny", again, "--reason", "too_broad", "--as", "reviewer"]);
  const closed = await service.told("phone", again, "closed");
  assert.equal(closed.topic, repeated.topic);
  assert.equal(closed.urgency, "low");
  await service.told("laptop", again, "closed");
  const waiting = service.off("phone").filter((told) => told.link.endsWith(again));
  assert.deepEqual(waiting.map((told) => told.what), ["closed"]);

  // An operator's test.
  // Beside this process, which answers it.
  const test = ["channel", "test", "browsers", "--to", "second@dev.gatehold.local", "--config", file("gatehold.toml")];
  const { stdout } = await promisify(execFile)(program, test, { env: gate.environment });
  assert.match(stdout, /works: the push service took 1 message/);
  const tested = await service.first((one) => one.told?.what === "test");
  assert.equal(tested.browser, "laptop");
  assert.equal(tested.told.link, null);

  // A browser that is gone is forgotten; nothing more is sent there.
  service.gone("phone");
  gate.command(["deny", id, "--reason", "too_broad", "--as", "second"]);
  await service.first((one) => one.status === 410);
  await looked(async () => {
    await reviewer.open(`${gate.url}/keys`);
    return await listed(reviewer) === 0;
  }, "a page without the browser that is gone");
  await service.told("laptop", id, "closed");

  // Somebody else signs in at the same browser, and has it from then on.
  await second.open(`${gate.url}/keys`);
  await be(second, "owner");
  await subscribe(second, service.browser("laptop", key));
  await be(second, "second");
  await second.open(`${gate.url}/keys`);
  assert.equal(await listed(second), 0);
  await be(second, "owner");
  await second.open(`${gate.url}/keys`);
  assert.equal(await listed(second), 1);
  await second.leave(() => document.querySelector("#notify .browser button").click());
  assert.equal(await listed(second), 0);

  for (const one of service.said) assert.ok(!JSON.stringify(one).includes("canary"), "what the requester said");
  const log = gate.logs.join("");
  assert.match(log, /a browser was not told/);
  for (const word of [secret, "push/phone", "push/laptop"]) assert.ok(!log.includes(word), word);
  for (const tab of pages) assert.deepEqual(tab.problems, []);
} finally {
  await chrome.end();
  await gate.end();
  service.end();
}

/** Every leaf of the ledger, as an auditor gets it. */
function exported() {
  rmSync(file("answers.export"), { force: true });
  gate.command(["audit", "export", "--out", file("answers.export")]);
  return readFileSync(file("answers.export"), "utf8").split("\n").filter((line) => line.includes('"leaf"'));
}

/** Looks until something holds, each time through the browser. */
async function looked(holds, what) {
  const over = Date.now() + UNTIL_MILLISECONDS;
  while (Date.now() < over) {
    const found = await holds();
    if (found) return found;
  }
  throw new Error(`never there: ${what}`);
}

/** What is to come, or, where it never does, what was waited for: a browser that says nothing more is not waited for without an end. */
function bounded(coming, what) {
  let late;
  const over = new Promise((_, reject) => { late = setTimeout(() => reject(new Error(`never there: ${what()}`)), UNTIL_MILLISECONDS); });
  return Promise.race([coming, over]).finally(() => clearTimeout(late));
}

/** What the browser tells of workers, as it tells it. */
async function workers(tab) {
  const [registrations, versions] = [new Map(), new Map()];
  let look = () => {};
  tab.hear(({ method, params }) => {
    if (method === "ServiceWorker.workerRegistrationUpdated") for (const one of params.registrations) registrations.set(one.registrationId, one);
    if (method === "ServiceWorker.workerVersionUpdated") for (const one of params.versions) versions.set(one.versionId, one);
    look();
  });
  await tab.send("ServiceWorker.enable");
  const told = () => JSON.stringify([...versions.values()].map(({ status, runningStatus, targetId }) => ({ status, runningStatus, targetId })));
  /** The first version of which this is so, now or once the browser tells of it. */
  const version = (holds, what) => bounded(new Promise((resolve) => {
    look = () => {
      const found = [...versions.values()].find(holds);
      if (found) resolve(found);
    };
    look();
  }), () => `${what}; what the browser told of workers is ${told()}`);
  return { registrations, version };
}

/** Hands a message to the worker as a browser does that received it, and looks at what is shown. */
async function worker(tab, told, id) {
  const { registrations, version } = await workers(tab);
  await tab.open(`${gate.url}/keys`);
  await version((one) => one.status === "activated", "a worker that is activated");
  const [registration] = registrations.values();
  const scopeURL = `${gate.url}/static/`;
  assert.equal(registration.scopeURL, scopeURL);
  // One that nobody has needed for a while, the browser has ended; once it is attached to, it runs on.
  await tab.send("ServiceWorker.startWorker", { scopeURL });
  const { targetId } = await version((one) => one.status === "activated" && one.runningStatus === "running" && one.targetId, "a worker that runs");
  // It is in no page's way.
  assert.equal(await tab.run(() => navigator.serviceWorker.controller), null);
  const origin = new URL(gate.url).origin;
  const { sessionId } = await chrome.send("Target.attachToTarget", { targetId, flatten: true });
  const within = async (expression) => {
    const evaluated = chrome.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true }, sessionId);
    const { result, exceptionDetails } = await bounded(evaluated, () => `what the worker says to ${expression}`);
    assert.equal(exceptionDetails, undefined);
    return result.value;
  };
  // Asked once it is shown and not before: to ask for what is just being shown makes Chromium forget it.
  const deliver = async (message) => {
    // In place before the message is sent: the page and its worker are told apart from each other, in no order.
    await within(`{
      self.shown = new Promise((resolve, reject) => {
        self.registration.showNotification = (...all) => {
          delete self.registration.showNotification;
          const done = self.registration.showNotification(...all);
          done.then(resolve, reject);
          return done;
        };
      });
      0;
    }`);
    await tab.send("ServiceWorker.deliverPushMessage", { origin, registrationId: registration.registrationId, data: message });
    await within("self.shown");
    return tab.run(async () => {
      const found = await (await navigator.serviceWorker.getRegistration("/static/")).getNotifications();
      return found.map(({ title, body, tag, data }) => ({ title, body, tag, data }));
    });
  };
  const there = `${gate.url}/requests/${id}`;
  const [first] = await deliver(JSON.stringify(told));
  assert.equal(first.title, `[${told.tier.toUpperCase()}] Decision needed`);
  assert.equal(first.body, `${told.sentence}\nWords: ${told.words}`);
  assert.equal(first.tag, there);
  const replaced = await deliver(JSON.stringify({ ...told, what: "closed" }));
  assert.equal(replaced.length, 1);
  assert.match(replaced[0].title, /Closed/);
  // What is no message of the gate's leads nowhere else.
  for (const link of ["https://evil.example/requests/x", `https://evil.example/requests/${id}/../../x`, "javascript:alert(1)", null]) {
    const all = await deliver(JSON.stringify({ ...told, link, sentence: `${link}` }));
    assert.ok(all.every((one) => one.data.there.startsWith(`${origin}/`)), JSON.stringify(all));
  }

  const clicked = await within(`(async () => {
    const led = [];
    self.clients.openWindow = async (url) => { led.push(url); };
    const shown = await self.registration.getNotifications({ tag: ${JSON.stringify(there)} });
    const click = new NotificationEvent("notificationclick", { notification: shown[0] });
    const done = new Promise((resolve) => { click.waitUntil = resolve; });
    self.dispatchEvent(click);
    await (await done);
    return { led, left: (await self.registration.getNotifications({ tag: ${JSON.stringify(there)} })).length };
  })()`);
  assert.deepEqual(clicked, { led: [there], left: 0 });
}
