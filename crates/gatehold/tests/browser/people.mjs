// Two people from nothing: each signs in at a real identity provider, on its own pages, is refused until others have enrolled them,
// makes a passkey that counts by the chain of trust alone, and fills one seat of a red action in a browser profile of their own.
// Started by `tests/browser.rs` with the paths of gatehold and Chromium and of the provider's packages.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { Chrome, freePort, Gate } from "./chrome.mjs";
import { answer, approve, look, signInElsewhere, state } from "./pages.mjs";
import { SECRET, started } from "./processes.mjs";

const [program, chromium, packages] = process.argv.slice(2);
const gate = new Gate(program);

/** A gate whose pages stand at `localhost`, where passkeys sign, and whose people the provider vouches for. */
async function prepared(port) {
  const { port: own } = new URL(await gate.start(["--port", String(await freePort())]));
  await gate.stop();
  const url = `http://localhost:${own}`;
  for (const name of ["gatehold.toml", "client.toml"]) {
    const file = join(gate.home, name);
    writeFileSync(file, readFileSync(file, "utf8").replace(/^(public_url|url) = .*$/m, `$1 = "${url}"`));
  }
  writeFileSync(join(gate.home, "client.secret"), SECRET, { mode: 0o600 });
  appendFileSync(join(gate.home, "gatehold.toml"), `
[identity_provider]
issuer = "http://127.0.0.1:${port}"
client_id = "gatehold"
client_secret_file = "client.secret"
max_age_seconds = 3600
`);
  gate.url = url;
  // `oidc-provider`, which knows the gate by this address.
  const provider = resolve(import.meta.dirname, "../identity_provider/provider.mjs");
  return started("node", [provider, packages, String(port), url, "ES256", "client_secret_basic"], "ready", { stdio: ["ignore", "pipe", "ignore"] });
}

/** Has something asked for by the owner and signed by the two others, in a terminal. */
function changed(words) {
  const { request } = JSON.parse(gate.command([...words, "--reason", "for the test", "--as", "owner", "-o", "json"], [5]));
  gate.approveAll(request);
}

/** The file with the proof of a new passkey, as the page hands it out. */
async function proof(chrome, tab, person, name) {
  await chrome.send("Browser.setDownloadBehavior", { behavior: "allow", browserContextId: person.context, downloadPath: gate.scratch, eventsEnabled: true });
  const saved = new Promise((done) => {
    const listen = ({ method, params }) => {
      if (method !== "Browser.downloadProgress" || params.state !== "completed") return;
      chrome.heard.delete(listen);
      done();
    };
    chrome.heard.add(listen);
  });
  await tab.open(`${gate.url}/keys`);
  await tab.run(() => document.querySelector("#add button").click());
  await tab.until(() => !document.getElementById("hand-over").hidden);
  assert.match(await tab.run(() => document.getElementById("said").innerText), /has no force yet/);
  await tab.run(() => document.getElementById("proof").click());
  await saved;
  const file = join(gate.scratch, `${name}.proof`);
  renameSync(join(gate.scratch, "passkey.proof"), file);
  return file;
}

const text = (tab) => tab.run(() => document.querySelector("main").innerText);
const waitsFor = (tab) => tab.run(() => [...document.querySelectorAll("[data-row]")].map((row) => row.dataset.key));

/** Somebody with a browser profile of their own: signed in, and enrolled by a key that stays in a terminal. */
async function arrived(chrome, issuer, name) {
  const human = `${name}@${issuer}`;
  const person = await chrome.person();
  const tab = await person.tab();
  await tab.send("Emulation.setFocusEmulationEnabled", { enabled: true });
  await tab.authenticator();
  // The provider knows them, the gate does not: nobody is signed in, and the page says the name to be enrolled.
  await signInElsewhere(tab, gate, name);
  assert.match(await text(tab), new RegExp(`You have no key here[\\s\\S]*${human}`));
  await tab.open(`${gate.url}/`);
  assert.equal(await tab.run("location.pathname"), "/sign-in");
  const key = join(gate.scratch, name);
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
  gate.command(["human", "prove", human, "--key", key, "--out", `${key}.enrol`]);
  changed(["human", "enrol", `${key}.enrol`]);
  return { name, human, person, tab };
}

/** What a session of the provider opens: everything to read, nothing to approve with. */
async function readsAlone({ human, tab }, held) {
  await tab.open(`${gate.url}/requests/${held}`);
  assert.match(await text(tab), /RED[\s\S]*UPDATE[\s\S]*no passkey of yours signs on this page/);
  assert.deepEqual(await tab.run(() => ["decide", "approve"].map((id) => document.getElementById(id).checkVisibility())), [false, false]);
  // Whatever the page is made to send: nobody else's key opens it for them, and what no key signed is no review.
  const { humans } = JSON.parse(gate.command(["human", "list", "--as", "owner", "-o", "json"]));
  const [foreign] = humans.find((one) => one.human !== human).keys;
  const sent = (verb, fields) => tab.run((address, more) => {
    const token = document.querySelector("#decide input[name=token]").value;
    return fetch(address, { method: "POST", body: new URLSearchParams({ token, ...more }) }).then((said) => said.status);
  }, `/requests/${held}/${verb}`, fields);
  const context = Buffer.from(JSON.stringify({ act: "approve", request: held })).toString("base64");
  const review = JSON.stringify({ context, signature: "", answers: {}, justification: "because", salt: "00".repeat(32) });
  for (const [verb, fields] of [["open", { key: foreign.key }], ["review", { review }]]) {
    const status = await sent(verb, fields);
    assert.ok(status >= 400 && status < 500, `${verb}: ${status}`);
  }
  await tab.run(() => {
    const button = document.getElementById("approve");
    button.hidden = button.disabled = false;
    button.click();
  });
  assert.equal(gate.status(held).state, "held");
}

const port = await freePort();
const issuer = `http://127.0.0.1:${port}`;
let elsewhere;
const chrome = new Chrome(chromium, gate.scratch);
try {
  elsewhere = await prepared(port);
  await gate.serve();
  const ann = await arrived(chrome, issuer, "ann");
  const bob = await arrived(chrome, issuer, "bob");
  const members = ["owner@dev.gatehold.local", "reviewer@dev.gatehold.local", ann.human, bob.human];
  changed(["team", "set", "reviewers", ...members.flatMap((member) => ["--member", member])]);

  const held = gate.ask("UPDATE orders SET status = 'retry' WHERE id = 7", ["--cap", "rows=1", "--reason", "the payment worker crashed"]);
  for (const who of [ann, bob]) {
    // The provider's session goes on: its pages are not seen again, and the gate still has the last word on who gets in.
    await signInElsewhere(who.tab, gate, who.name);
    assert.equal(await who.tab.run(() => document.querySelector(".who .human").textContent), who.human);
    assert.match(await who.tab.run(() => document.querySelector(".who .since").textContent), /signed in by identity provider/);
    assert.ok((await waitsFor(who.tab)).includes(held));
    await readsAlone(who, held);
    const file = await proof(chrome, who.tab, who.person, `${who.name}-passkey`);
    await who.tab.open(`${gate.url}/keys`);
    assert.doesNotMatch(await text(who.tab), /signs on this page/);
    changed(["human", "enrol", file]);
    await who.tab.open(`${gate.url}/keys`);
    assert.match(await text(who.tab), /Passkey\s*◆\s*verified signs on this page/);
  }

  // Blind: what bob sees of the request, of his inbox and of its stream's name is what he saw before ann signed.
  const seen = async () => {
    await look(bob.tab, gate, held);
    const page = await bob.tab.run(() => document.getElementById("signed").innerText.replace(/\bin \d+ (s|min|h)\b|\d+ s old/g, ""));
    const bar = await bob.tab.run(() => document.getElementById("decision").querySelector("#acts").innerText);
    await bob.tab.open(`${gate.url}/`);
    return [page, bar, await waitsFor(bob.tab), await bob.tab.run(() => document.getElementById("live").dataset.events)];
  };
  const before = await seen();
  assert.match(before[0], /2 people needed/);
  await look(ann.tab, gate, held);
  await answer(ann.tab, { fact: "1" });
  await approve(ann.tab);
  assert.equal(await state(ann.tab), "HELD");
  assert.match(await ann.tab.run(() => document.getElementById("decision").innerText), /Your review is in/);
  assert.deepEqual(await seen(), before);
  await look(bob.tab, gate, held);
  assert.doesNotMatch(await text(bob.tab), /ann@|1 of 2/);
  assert.equal((await bob.tab.run((request) => fetch(`/requests/${request}/dossier`).then((said) => said.status), held)), 404);

  // The second seat decides it; now everybody sees both, and it is done as it was shown.
  await answer(bob.tab, { fact: "1", because: "the ticket says the same" });
  await approve(bob.tab);
  assert.equal(await state(bob.tab), "MAY BE USED");
  for (const { tab } of [ann, bob]) {
    await tab.open(`${gate.url}/requests/${held}`);
    const happened = await text(tab);
    for (const { human } of [ann, bob]) assert.ok(happened.includes(human), `${human}: ${happened}`);
  }
  gate.command(["request", "redeem", held]);
  await ann.tab.open(`${gate.url}/requests/${held}`);
  assert.equal(await state(ann.tab), "DONE");
  // What the test itself made the page send in vain, and the provider's font, which is not on this machine.
  const expected = /status of 4\d\d|ERR_NAME_NOT_RESOLVED/;
  for (const { tab } of [ann, bob]) assert.deepEqual(tab.problems.filter((problem) => !expected.test(problem)), []);
  gate.command(["audit", "verify"]);
} finally {
  await chrome.end();
  await gate.end();
  elsewhere?.kill();
}
