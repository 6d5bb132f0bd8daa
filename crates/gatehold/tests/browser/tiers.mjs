// What differs by tier, by screen and by time: green and amber are approved by one person and without a question, red on a phone only
// where the exact action is short, a cap that nothing keeps says so, an open inbox shows by itself who is asked as well after a while, and an open page whose time is
// over says so. Started by `tests/browser.rs` with the paths of
// gatehold and Chromium.

import assert from "node:assert/strict";
import { appendFileSync, cpSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { Chrome, freePort, Gate } from "./chrome.mjs";
import { addPasskey, answer, approve, look, signIn, state } from "./pages.mjs";

const [program, chromium] = process.argv.slice(2);
const POLICIES = resolve(import.meta.dirname, "../../../../policies/default");
const gate = new Gate(program);

/** Further places to act in, outside production. */
const place = (name) => `
[[resource]]
prefix = "${name}/"
target = "sql:shop"
env = "development"
zone = "${name}"
sensitivity = "internal"
owner = "owner@dev.gatehold.local"
legacy_coarse = false
`;

/** Reads there are held as well, each for so long; who is asked only after a while stands in `escalation`. */
const checkpoint = (name, seconds, [teams, escalation], caps = "{}") => ({
  toml: `name = "${name}"
title = "It reads the ${name}"
owner = "owners"
rationale = "Somebody looks at what is read there"
justification = "impact"
eligible = { teams = ${JSON.stringify(teams)}, humans = [] }
alternatives = [{ seats = 1, factor = "software" }]
separate = false
criteria = [{ id = "intent", text = "Is this what the task is meant to do?", kind = "yes", required = true }]
decide_within_seconds = ${seconds}
spend_within_seconds = ${2 * seconds}
escalation = ${escalation}
limits = { ttl_seconds = 600, uses = 1, caps = ${caps} }
requires = []
`,
  cedar: `@id("hold-${name}")
@checkpoint("${name}")
@owner("owners")
@rationale("Somebody looks at what is read there")
forbid (principal is Workload, action == Action::"sql.read", resource)
when { !resource.zone.known || resource.zone.value == "${name}" };
`,
});

/** A gate with those places, a bundle that holds there, and a workload for which acting there is normal. Gives a tab of second. */
async function prepared(chrome) {
  await gate.start(["--port", String(await freePort())]);
  // By the code that this start prints; the session outlives it, and the next start prints one for reviewer.
  const beside = await (await chrome.person()).tab();
  await beside.send("Emulation.setFocusEmulationEnabled", { enabled: true });
  await signIn(beside, gate, "second");
  appendFileSync(join(gate.home, "gatehold.toml"), place("lab") + place("brief") + place("vault"));
  const folder = join(gate.scratch, "policy");
  cpSync(POLICIES, folder, { recursive: true });
  const bundle = join(folder, "bundle.toml");
  writeFileSync(bundle, readFileSync(bundle, "utf8").replace('"sql.read", ', "").replace('name = "default"', 'name = "tiers"'));
  const late = [["reviewers", "security"], '[{ after_seconds = 15, teams = ["security"] }]'];
  const usual = [["owners", "reviewers"], "[]"];
  for (const [name, seconds, asked, caps] of [["lab", 1_800, usual], ["brief", 40, late], ["vault", 1_800, usual, "{ files = 3, rows = 5 }"]]) {
    const { toml, cedar } = checkpoint(name, seconds, asked, caps);
    writeFileSync(join(folder, `checkpoints/${name}.toml`), toml);
    writeFileSync(join(folder, `${name}.cedar`), cedar);
  }
  await gate.restart([beside]);
  const asked = (words) => JSON.parse(gate.command([...words, "--reason", "for the test", "--as", "owner", "-o", "json"], [5])).request;
  gate.approveAll(asked(["policy", "submit", folder]));
  const jwk = join(gate.home, "deploy-bot.pem.jwk");
  const normal = ["--baseline-action", "sql.read", "--baseline-action", "sql.write", "--baseline-target", "sql:shop", ...["shop/", "lab/", "brief/", "vault/"].flatMap((name) => ["--baseline-resource", name])];
  const owner = "owner@dev.gatehold.local";
  gate.approveAll(asked(["workload", "enrol", "deploy-bot", "--jwk", jwk, "--owner", owner, "--backup", owner, ...normal]));
  // From here on second is asked about what is brief only when the others did not decide in time.
  gate.approveAll(asked(["team", "set", "reviewers", "--member", owner, "--member", "reviewer@dev.gatehold.local"]));
  return beside;
}

const chrome = new Chrome(chromium, gate.scratch);
try {
  const beside = await prepared(chrome);
  const tab = await (await chrome.person()).tab();
  await tab.send("Emulation.setFocusEmulationEnabled", { enabled: true });
  await tab.authenticator();
  await signIn(tab, gate, "reviewer");
  await addPasskey(tab, gate);
  /** Which answers stand out, by more than their colour. */
  const stands = () => tab.run(() => [...document.querySelectorAll("#acts > details, #approve")]
    .filter((one) => getComputedStyle(one.querySelector("summary") ?? one).fontWeight >= 600).map((one) => one.id));
  const strip = () => tab.run(() => document.querySelector(".strip").innerText);

  // Green: nothing is raised; one person, no question, no reason.
  const green = gate.ask("SELECT status FROM orders WHERE id = 7", ["--cap", "rows=10"], ["sql.read", "lab/orders"]);
  await look(tab, gate, green);
  assert.match(await strip(), /HELD[\s\S]*GREEN[\s\S]*1 person needed/);
  assert.equal(await tab.run(() => document.getElementById("fact")), null);
  await answer(tab, { fact: "", because: "" });
  await approve(tab);
  assert.equal(await state(tab), "MAY BE USED");
  gate.command(["request", "redeem", green]);

  // A cap that a checkpoint names and the target does not keep is called that wherever the limits stand: by the gate's page, by the
  // module that signs and by the terminal. Whoever approves it all the same approves what the target then refuses.
  const capped = gate.ask("SELECT status FROM orders WHERE id = 7", ["--cap", "rows=10"], ["sql.read", "vault/orders"]);
  const bounds = (page) => page.run(() => [...document.querySelectorAll("#signed dl.facts > div")].map((one) => one.textContent)
    .filter((line) => /^Limits|NOT ENFORCED/.test(line)));
  const both = ["Limits10 min, 1 use, at most 3 files, at most 5 rows", "files■NOT ENFORCED by the target"];
  await beside.open(`${gate.url}/requests/${capped}`);
  assert.deepEqual(await bounds(beside), both);
  await look(tab, gate, capped);
  assert.deepEqual(await bounds(tab), both);
  const { view } = JSON.parse(gate.command(["show", capped, "--as", "reviewer", "-o", "json"]));
  assert.deepEqual([view.terms.limits.caps, view.terms.not_enforced], [{ files: 3, rows: 5 }, ["files"]]);
  assert.match(gate.command(["show", capped, "--as", "reviewer"]), /at most 3 files, at most 5 rows; [^\n]*\n {2}NOT ENFORCED by the target: files\n/);
  await answer(tab, { fact: "", because: "" });
  await approve(tab);
  assert.equal(await state(tab), "MAY BE USED");
  assert.match(gate.command(["request", "redeem", capped, "-o", "json"], [0, 1, 3]), /"code": "limits_unusable"/);
  await tab.open(`${gate.url}/requests/${capped}`);
  assert.equal(await state(tab), "FAILED");

  /** From the next page on the clock of this browser is so many hours off; gives what ends that. */
  const off = async (hours) => {
    const source = `{ const real = Date.now; Date.now = () => real() + ${hours} * 3_600_000; }`;
    const { identifier } = await tab.send("Page.addScriptToEvaluateOnNewDocument", { source });
    return () => tab.send("Page.removeScriptToEvaluateOnNewDocument", { identifier });
  };

  // Amber: it changes something, outside production.
  const amber = gate.ask("UPDATE orders SET status = 'retry' WHERE id = 7", ["--cap", "rows=200", "--rollback", "set it back"], ["sql.write", "lab/orders"]);
  // A clock that is three hours fast ends nothing.
  const fast = await off(3);
  await look(tab, gate, amber);
  await fast();
  assert.match(await strip(), /in (?:59|60) min/);
  assert.match(await strip(), /HELD[\s\S]*AMBER[\s\S]*1 person needed/);
  assert.deepEqual(await stands(), ["approve"]);
  // What the requester says of just that stands beside the criterion that needs it, as its claim; so does that it says nothing.
  const claimed = await tab.run(() => [...document.querySelectorAll("#criteria .beside")].map((one) => [one.closest("fieldset").querySelector("legend").textContent, one.textContent]));
  assert.ok(claimed.some(([asked, said]) => /rollback plan/.test(asked) && said === "\u201cCLAIMED rollback_plan 11 bytesset it back"), JSON.stringify(claimed));
  assert.ok(claimed.some(([, said]) => said === "?UNKNOWN ticket: the requester says nothing of it"), JSON.stringify(claimed));
  assert.equal(await tab.run(() => document.getElementById("fact")), null);
  await answer(tab, { fact: "", because: "" });
  await approve(tab);
  assert.equal(await state(tab), "MAY BE USED");
  gate.command(["request", "redeem", amber]);
  await tab.open(`${gate.url}/requests/${amber}`);
  assert.equal(await state(tab), "DONE");

  // Somebody else looks at an inbox that is not theirs to empty yet; nothing on it is loaded again from here on. It keeps how what is
  // brief looked when it first stood there.
  await beside.open(`${gate.url}/`);
  await beside.until(() => document.getElementById("live-state").textContent.includes("Live"));
  await beside.run(() => {
    window.first = "";
    const look = () => {
      const row = [...document.querySelectorAll("[data-row]")].find((one) => one.innerText.includes("brief/orders"));
      if (row && !window.first) window.first = row.innerText;
    };
    new MutationObserver(look).observe(document, { subtree: true, childList: true });
  });

  // An open page on which everything was answered, and whose time is over: it says so by itself, and nothing is signed.
  const brief = gate.ask("SELECT status FROM orders WHERE id = 4", ["--cap", "rows=10"], ["sql.read", "brief/orders"]);
  // One that is three hours slow keeps nothing armed, and what is left counts down.
  const slow = await off(-3);
  await look(tab, gate, brief);
  await slow();
  assert.match(await strip(), /in \d+ s/);
  await tab.until((before) => document.querySelector(".strip [data-left]").textContent !== before, await tab.run(() => document.querySelector(".strip [data-left]").textContent));
  await answer(tab, { fact: "", because: "" });
  // On the clock: the row comes through the stream alone, and when it first stands there somebody else was asked before.
  await beside.until(() => window.first !== "");
  assert.match(await beside.run("window.first"), /GREEN[\s\S]*brief\/orders[\s\S]*escalated 1 time/);
  await tab.until(() => document.getElementById("said").className.includes("bad"));
  assert.match(await tab.run(() => document.getElementById("said").innerText), /Nobody decided in time|changed since you opened it/);
  assert.equal(await tab.run(() => document.getElementById("approve").disabled), true);
  gate.command(["request", "wait", brief], [4]);
  await beside.until((id) => document.querySelector(`[data-row][data-key="${id}"]`) === null, brief);
  assert.notEqual(await beside.run("window.first"), "");
  await tab.open(`${gate.url}/requests/${brief}`);
  assert.equal(await state(tab), "EXPIRED");

  // Bytes without spaces are words as well, and the time to read them counts only while they are in view; read otherwise it is twice
  // as long, and counts anywhere on the page.
  await tab.brings("reading.js");
  const floors = await tab.run(async () => {
    const { floorSeconds } = await import("/static/reading.js");
    return [[1, 24], [40, 200], [400, 2_000], [1, 61_440], [5_000, 30_000]].map(([words, bytes]) => floorSeconds({ words, bytes }));
  });
  assert.deepEqual(floors, [4, 4, 40, 45, 45]);
  const counted = await tab.run(async () => {
    const { Reading } = await import("/static/reading.js");
    const part = document.body.appendChild(document.createElement("section"));
    part.textContent = "the action";
    const below = document.body.appendChild(document.createElement("div"));
    for (let line = 0; line < 400; line += 1) below.append(document.createElement("br"));
    part.scrollIntoView();
    // Until the part is in view, or is not, and Reading knows: all who watch are told in one task, in no order.
    const looked = (wanted) => new Promise((resolve) => {
      const watch = new IntersectionObserver((entries) => {
        if (entries.at(-1).isIntersecting !== wanted) return;
        watch.disconnect();
        setTimeout(resolve);
      });
      watch.observe(part);
    });
    // The seconds of this test: nothing is waited for.
    const real = window.setInterval;
    let second;
    window.setInterval = (beat) => { second = beat; };
    const reading = new Reading(part, 10, () => {});
    window.setInterval = real;
    const after = (seconds) => {
      for (let passed = 0; passed < seconds; passed += 1) second();
      return reading.left;
    };
    await looked(true);
    const seen = after(3);
    scrollTo(0, document.body.scrollHeight);
    await looked(false);
    const away = after(3);
    reading.readOtherwise(true);
    const twice = reading.left;
    const heard = after(3);
    part.remove();
    below.remove();
    return [seen, away, twice, heard];
  });
  assert.deepEqual(counted, [7, 7, 17, 14]);

  // On a phone: red is approved where the exact action is short, by the same passkey.
  const screen = (width, height, mobile) => tab.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile });
  const wide = () => tab.run(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  const larger = () => tab.run(() => [document.getElementById("larger").checkVisibility(), document.getElementById("approve").checkVisibility()]);
  await screen(360, 740, true);
  const short = gate.ask("UPDATE orders SET status = 'retry' WHERE id = 7", ["--cap", "rows=1"]);
  await look(tab, gate, short);
  assert.match(await strip(), /RED/);
  assert.deepEqual(await stands(), ["act-deny", "narrow"]);
  assert.deepEqual(await larger(), [false, true]);
  assert.equal(await wide(), 0);
  await answer(tab, { fact: "1" });
  await approve(tab);
  assert.equal(await state(tab), "HELD");
  assert.match(await tab.run(() => document.getElementById("decision").innerText), /Your review is in/);

  // Where it is long the page leads elsewhere; whatever is in the safe direction is there all the same.
  const ids = Array.from({ length: 80 }, (_, number) => number + 1_000).join(",\n");
  const long = gate.ask(`UPDATE orders SET status = 'retry' WHERE id IN (${ids})`, ["--cap", "rows=400"]);
  await look(tab, gate, long);
  await answer(tab, { fact: "400" });
  assert.deepEqual(await larger(), [true, false]);
  assert.match(await tab.run(() => document.getElementById("larger").innerText), new RegExp(`larger screen.*takes \\d+ screens here.*${gate.url}/requests/${long}`, "s"));
  assert.match(await tab.run(() => document.getElementById("yet").textContent), /review it on a larger screen/);
  assert.equal(await wide(), 0);
  assert.ok(await tab.run(() => document.querySelector("#act-deny summary").checkVisibility()));
  // The same page on a larger screen, and the same answers.
  await screen(1280, 720, false);
  await tab.run(() => document.querySelector(".exact-action .end").scrollIntoView());
  await tab.until(() => !document.getElementById("approve").disabled);
  assert.deepEqual(await larger(), [false, true]);
  await approve(tab);
  assert.equal(await state(tab), "HELD");

  assert.deepEqual([...tab.problems, ...beside.problems], []);
  gate.command(["audit", "verify"]);
} finally {
  await chrome.end();
  await gate.end();
}
