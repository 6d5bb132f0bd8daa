// A gate of real people, at an origin that is not one of development: four founders with security keys in an agent, pages over TLS, a
// real identity provider. The founders pin the maker of the browser's authenticators. One of them makes a passkey on the page of their
// keys, which asks the browser for an attestation; two others approve it as attested in their terminals, and it alone lets a red action
// out. A passkey of no maker that was pinned is refused at that level. Started by `tests/browser.rs` with the paths of gatehold and
// Chromium, of the provider's packages and of a python with `cryptography`.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { Chrome, freePort, removed } from "./chrome.mjs";
import { answer, approve, look, signInElsewhere, state } from "./pages.mjs";
import { ended, SECRET, started } from "./processes.mjs";

const [program, chromium, packages, python] = process.argv.slice(2);
const ORIGIN = "gate.acme.example";
const FOUNDERS = ["ann", "bob", "cem", "dan"];
const scratch = mkdtempSync(join(tmpdir(), "gatehold-attested-"));
const at = (name) => join(scratch, name);
const keys = resolve(import.meta.dirname, "security_keys.py");
const environment = (person) => ({ ...process.env, HOME: scratch, XDG_CONFIG_HOME: scratch, GATEHOLD_HOME: at(`home-${person}`), SSH_AUTH_SOCK: at("agent"), NO_COLOR: "1" });

/** What is started beside them is nobody's. */
const alone = { cwd: scratch, env: environment("nobody") };

/** Runs a command of gatehold as somebody, in a terminal of their own; its exit code may be one of these. */
function gatehold(person, words, codes = [0]) {
  try {
    return execFileSync(program, words, { cwd: scratch, env: environment(person), encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    if (codes.includes(error.status)) return error.stdout + error.stderr;
    throw new Error(`gatehold ${words.join(" ")}: exit ${error.status}: ${error.stderr}`);
  }
}

/** The same where a terminal is demanded: a person is there, and touches their key. */
const TERMINAL = "import os, pty, sys\nsys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
function atTerminal(person, words) {
  execFileSync("python3", ["-c", TERMINAL, program, ...words], { cwd: scratch, env: environment(person), encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** What the browser's authenticators are attested by, asked of one of them on a page of the provider. */
async function maker(person, issuer) {
  const tab = await person.tab();
  await tab.open(issuer.replace("127.0.0.1", "localhost"));
  await tab.authenticator();
  const made = await tab.run(async () => {
    const publicKey = {
      challenge: new Uint8Array(32), rp: { id: "localhost", name: "maker" }, user: { id: new Uint8Array(8), name: "maker", displayName: "maker" },
      pubKeyCredParams: [{ type: "public-key", alg: -7 }], attestation: "direct",
    };
    const { response } = await navigator.credentials.create({ publicKey });
    return btoa(String.fromCharCode(...new Uint8Array(response.attestationObject)));
  });
  execFileSync(python, [keys, "maker", scratch], { input: Buffer.from(made, "base64") });
}

/** The gate, founded by four people who agree on the page and on the maker. */
function found(url, issuer) {
  const people = FOUNDERS.flatMap((name) => ["--human", `${name}@${issuer}=${name}.pub`]);
  gatehold("nobody", ["init", "new", "gate", "--origin", ORIGIN, "--console", url, "--attestation-root", "browsers=maker.pem", ...people]);
  for (const name of FOUNDERS) gatehold(name, ["init", "sign", "gate", "--key", `${name}.pub`]);
  gatehold("nobody", ["init", "finish", "gate"]);
  const config = at("gate/gatehold.toml");
  const text = readFileSync(config, "utf8").replaceAll("http://127.0.0.1:7400", url).replaceAll("127.0.0.1:7400", new URL(url).host.replace("localhost", "127.0.0.1"));
  writeFileSync(config, `targets_file = "targets.toml"
${text}
[tls]
certificate_file = "${at("server.pem")}"
private_key_file = "${at("server.key")}"

[identity_provider]
issuer = "${issuer}"
client_id = "gatehold"
client_secret_file = "client.secret"
ca_file = "${at("ca.pem")}"
`);
  writeFileSync(at("gate/client.secret"), SECRET, { mode: 0o600 });
  execFileSync(python, ["-c", "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(\"CREATE TABLE orders (id INTEGER PRIMARY KEY, status TEXT); INSERT INTO orders VALUES (7, 'failed')\")", at("shop.db")]);
  writeFileSync(at("gate/targets.toml"), `[[target]]\nid = "sql:shop"\nkind = "sqlite"\npath = "${at("shop.db")}"\n`);
  for (const name of FOUNDERS) {
    mkdirSync(at(`home-${name}`));
    writeFileSync(at(`home-${name}/client.toml`), `url = "${url}"
origin = "${ORIGIN}"
person = "${name}"
ca_file = "${at("ca.pem")}"
workload_key_file = "${at("bot.pem")}"
[people.${name}]
human = "${name}@${issuer}"
key_file = "${at(`${name}.pub`)}"
`);
  }
}

/** `yes` to every criterion, and what stands on the page. */
function answers(id, person) {
  const { view, envelope, fact } = JSON.parse(gatehold(person, ["show", id, "-o", "json"]));
  assert.equal(view.tier.tier, "red");
  const name = fact.id.replace("fact.", "");
  const all = view.criteria.map((criterion) => `${criterion.id}=${criterion.kind.choice?.[0] ?? "yes"}`);
  return [...all, `${fact.id}=${envelope[name] ?? view.terms.limits.caps[name]}`].join(",");
}

/** Has two people approve what somebody asked for, each in a terminal of their own. */
function changed(asking, words, people) {
  gatehold(asking, [...words, "--reason", "for the test"], [5]);
  const id = gatehold(people[0], ["inbox", "-o", "id"]).trim();
  for (const person of people) atTerminal(person, ["approve", id, "--because", "they came by", "--criteria", answers(id, person)]);
}

/** The proof of a new passkey, as the page hands it out. */
async function proof(person, tab, url) {
  await chrome.send("Browser.setDownloadBehavior", { behavior: "allow", browserContextId: person.context, downloadPath: scratch, eventsEnabled: true });
  const saved = new Promise((done) => {
    chrome.heard.add(({ method, params }) => { if (method === "Browser.downloadProgress" && params.state === "completed") done(); });
  });
  await tab.open(`${url}/keys`);
  assert.equal(await tab.run(() => document.getElementById("add").dataset.attestation), "direct");
  await tab.run(() => document.querySelector("#add button").click());
  await tab.until(() => !document.getElementById("hand-over").hidden);
  await tab.run(() => document.getElementById("proof").click());
  await saved;
  return JSON.parse(readFileSync(at("passkey.proof"), "utf8"));
}

let chrome;
let provider;
let gate;
let agent;
try {
  const spki = execFileSync(python, [keys, "certificates", scratch], { encoding: "utf8" }).trim();
  const [port, providers] = [await freePort(), await freePort()];
  const url = `https://localhost:${port}`;
  const issuer = `https://127.0.0.1:${providers}`;
  agent = await started(python, [keys, "agent", scratch, ...FOUNDERS], "ready", alone);
  const providing = resolve(import.meta.dirname, "../identity_provider/provider.mjs");
  provider = await started("node", [providing, packages, String(providers), url, "ES256", "client_secret_basic", scratch], "ready", alone);
  chrome = new Chrome(chromium, scratch, [`--ignore-certificate-errors-spki-list=${spki}`]);
  await maker(await chrome.person(), issuer);
  found(url, issuer);
  gate = await started(program, ["serve", "--config", "gate/gatehold.toml"], "gatehold serves", alone);
  for (const name of FOUNDERS) gatehold(name, ["login"]);

  gatehold("ann", ["workload", "keygen", "bot.pem"]);
  const baseline = ["--baseline-action", "sql.read", "--baseline-target", "sql:shop", "--baseline-resource", "shop/"];
  changed("ann", ["workload", "enrol", "deploy-bot", "--jwk", "bot.pem.jwk", "--owner", `ann@${issuer}`, "--backup", `dan@${issuer}`, ...baseline], ["bob", "cem"]);

  // Bob makes a passkey: his page asks for an attestation, because the founders pinned a maker.
  const person = await chrome.person();
  const tab = await person.tab();
  await tab.send("Emulation.setFocusEmulationEnabled", { enabled: true });
  await tab.authenticator();
  await signInElsewhere(tab, { url }, "bob");
  assert.equal(await tab.run("location.pathname"), "/");
  assert.doesNotMatch(await tab.run("document.body.innerText"), /Development gate/);
  const made = await proof(person, tab, url);
  assert.equal(made.human, `bob@${issuer}`);
  const object = Buffer.from(JSON.parse(made.attestation).attestationObject, "base64url").toString("latin1");
  assert.ok(object.includes("packed") && object.includes("x5c"));

  // Without the maker's word it is refused at that level, whoever would approve; with it, two people approve it as attested.
  const bare = { ...made };
  delete bare.attestation;
  writeFileSync(at("bare.proof"), JSON.stringify(bare));
  const refused = gatehold("cem", ["human", "enrol", "bare.proof", "--assurance", "attested", "--reason", "for the test"], [1, 2, 3, 7]);
  assert.match(refused, /attest/);
  changed("cem", ["human", "enrol", "passkey.proof", "--assurance", "attested"], ["ann", "dan"]);
  await tab.open(`${url}/keys`);
  assert.match(await tab.run(() => document.querySelector("main").innerText), /Passkey\s*\S+\s*attested signs on this page/);

  // Of one person it is enough for what is red.
  const { task } = JSON.parse(gatehold("ann", ["task", "start", "--purpose", "repair order 7", "-o", "json"]));
  const ask = ["request", "create", "--task", task, "--descriptor", "sql.write", "--target", "sql:shop", "--resource", "shop/orders", "--cap", "rows=1"];
  const { request } = JSON.parse(gatehold("ann", [...ask, "--rollback", "set it back", "--payload", "UPDATE orders SET status = 'retry' WHERE id = 7", "-o", "json"], [5]));
  const shown = gatehold("cem", ["show", request, "-o", "json"]);
  await look(tab, { url }, request);
  assert.match(await tab.run(() => document.getElementById("signed").innerText), /RED/);
  await answer(tab, { fact: "1" });
  // What nothing is configured about is asked, and not only with yes and no.
  await tab.run(() => {
    for (const group of document.querySelectorAll("#criteria fieldset")) {
      if (!group.querySelector("input:checked")) group.querySelector("input[type=radio]")?.click();
      for (const text of group.querySelectorAll("textarea")) {
        text.value = "looked it up";
        text.dispatchEvent(new Event("input", { bubbles: true }));
      }
    }
  });
  await approve(tab);
  assert.equal(await state(tab), "MAY BE USED");
  gatehold("ann", ["request", "redeem", request]);
  await tab.open(`${url}/requests/${request}`);
  assert.equal(await state(tab), "DONE");

  // An auditor sees the level and what it rests on.
  gatehold("ann", ["audit", "dossier", request, "--out", "one.dossier", "--config", "gate/gatehold.toml"]);
  const { reviews } = JSON.parse(gatehold("ann", ["audit", "explain", "one.dossier", "-o", "json"], [0, 7]));
  assert.deepEqual(reviews.map((one) => [one.reviewer, one.assurance, one.authority.assurance]), [[`bob@${issuer}`, "attested", "attested"]]);
  const { view } = JSON.parse(shown);
  assert.match(view.page_files, /^sha256:[0-9a-f]{64}$/);
  assert.equal(reviews[0].page_files, view.page_files);
  // The pages of the provider are its own.
  const ours = (problem) => !problem.includes(issuer) && !problem.includes("fonts.googleapis.com");
  assert.deepEqual(tab.problems.filter(ours), []);
} finally {
  await chrome?.end();
  for (const child of [gate, provider, agent]) await ended(child);
  removed(scratch);
}
