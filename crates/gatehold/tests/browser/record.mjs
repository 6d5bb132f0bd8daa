// What becomes of a decided request on its page: taken away with two keys and never with one, before it is used and after a credential was
// handed out for it; corrected by a passkey, printed whole.
// And the pages of owners: a live grant, a task, the overview. Started by `tests/browser.rs` with the paths of gatehold and Chromium.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

import { Chrome, Gate } from "./chrome.mjs";
import { addPasskey, answer, approve, be, look, signIn, state } from "./pages.mjs";

const [program, chromium] = process.argv.slice(2);
const gate = new Gate(program);
// A target that certifies keys: it needs an authority and a place for what is revoked, and no server.
const keygen = (...words) => execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", ...words]);
const [authority, key] = ["authority", "key"].map((name) => `${gate.scratch}/${name}`);
for (const file of [authority, key]) keygen("-f", file);
mkdirSync(`${gate.scratch}/revoked`, { mode: 0o755 });
writeFileSync(`${gate.scratch}/targets.toml`, `
[[target]]
id = "ssh:shop"
kind = "ssh_certificate"
ca_key_file = "${authority}"
krl_file = "${gate.scratch}/revoked/krl"
principals = ["deploy"]
source_addresses = ["127.0.0.1/32"]
hosts = ["shop.example:22"]
`);
await gate.start(["--further-targets", `${gate.scratch}/targets.toml`]);
const chrome = new Chrome(chromium, gate.scratch);

const text = (tab) => tab.run(() => document.querySelector("main").innerText);

/** Presses a key where the focus is. */
async function press(tab, key, code = undefined) {
  const keys = { Enter: { code: "Enter", windowsVirtualKeyCode: 13, text: "\r" }, Escape: { code: "Escape", windowsVirtualKeyCode: 27 } };
  const more = keys[key] ?? { code, text: key };
  await tab.send("Input.dispatchKeyEvent", { type: "keyDown", key, ...more });
  await tab.send("Input.dispatchKeyEvent", { type: "keyUp", key, ...more, text: undefined });
}

/** Whether what takes it away is open, and what has the focus. */
const opened = (tab) => tab.run(() => [
  document.querySelector("details[data-opens=v]")?.open ?? null,
  document.activeElement.innerText ?? "",
]);

try {
  const tab = await (await chrome.person()).tab();
  await tab.send("Emulation.setFocusEmulationEnabled", { enabled: true });
  await tab.authenticator();
  await signIn(tab, gate, "reviewer");
  await addPasskey(tab, gate);

  // Approved by two, not used yet: one key opens, one leaves, two take it away.
  const id = gate.ask("UPDATE orders SET status = 'retry' WHERE id = 7", ["--cap", "rows=1"]);
  await look(tab, gate, id);
  await answer(tab, { fact: "1" });
  await approve(tab);
  await be(tab, "second");
  await addPasskey(tab, gate);
  await look(tab, gate, id);
  await answer(tab, { fact: "1" });
  await approve(tab);
  assert.equal(await state(tab), "MAY BE USED");
  assert.equal((await opened(tab))[0], false);
  await press(tab, "v", "KeyV");
  assert.deepEqual(await opened(tab), [true, "Yes, take it away"]);
  await press(tab, "Escape");
  assert.equal((await opened(tab))[0], false);
  assert.equal(await tab.run("location.pathname"), `/requests/${id}`);
  assert.equal(await state(tab), "MAY BE USED");

  // The owner finds it among what may be used now, and leaves it there; its task names it too.
  await be(tab, "owner");
  await tab.open(`${gate.url}/workloads`);
  assert.match(await text(tab), /May be used now[\s\S]*orders/);
  await press(tab, "j", "KeyJ");
  await press(tab, "v", "KeyV");
  assert.deepEqual(await opened(tab), [true, "Yes, take it away"]);
  await press(tab, "Escape");
  await tab.leave(() => document.querySelector("a.within").click());
  assert.match(await text(tab), /Purpose[\s\S]*repair order 7[\s\S]*Freeze this task/);
  await tab.open(`${gate.url}/workloads`);
  await press(tab, "v", "KeyV");
  const loaded = tab.once("Page.loadEventFired");
  await press(tab, "Enter");
  await loaded;
  assert.match(await text(tab), /May be used now[\s\S]*Nothing\./);
  await tab.open(`${gate.url}/requests/${id}`);
  assert.equal(await state(tab), "REVOKED");
  assert.match(await text(tab), /owner@dev\.gatehold\.local took it away/);

  // A correction, signed here; it stands beside what it corrects and changes nothing.
  await be(tab, "second");
  await tab.open(`${gate.url}/requests/${id}`);
  await tab.leave(() => {
    const form = document.getElementById("correction");
    form.closest("details").open = true;
    form.elements.text.value = "I meant order <b>8</b>, \u202enot 7";
    form.querySelector("button").click();
  });
  assert.equal(await state(tab), "REVOKED");
  const beside = await tab.run(() => document.querySelector(".corrected").innerText);
  assert.match(beside, /CORRECTED[\s\S]*second@dev\.gatehold\.local[\s\S]*I meant order <b>8<\/b>, ⟨U\+202E⟩not 7[\s\S]*VERIFIED/);
  assert.match(gate.command(["show", id, "--as", "owner"]), /CORRECTED by second@dev/);
  const listed = JSON.parse(gate.command(["correct", id, "--as", "reviewer", "-o", "json"]));
  gate.command(["correct", id, "--leaf", String(listed.leaves[0].leaf), "the ticket was another one", "--as", "reviewer"]);
  gate.command(["audit", "dossier", id, "--out", `${gate.scratch}/one.dossier`]);
  const explained = gate.command(["audit", "explain", `${gate.scratch}/one.dossier`]);
  assert.match(explained, /VERIFIED[\s\S]*CORRECTION   of leaf/);

  // On paper stands the whole record, and nothing to press.
  await tab.open(`${gate.url}/requests/${id}`);
  await tab.send("Emulation.setEmulatedMedia", { media: "print" });
  const shown = await tab.run(() => {
    const seen = (selector) => [...document.querySelectorAll(selector)].some((one) => one.checkVisibility());
    return [".paper", ".timeline", ".corrected", ".exact-action", "nav", "button", "a.button", "select"].map(seen);
  });
  assert.deepEqual(shown, [true, true, true, true, false, false, false, false]);
  await tab.send("Emulation.setEmulatedMedia", { media: "" });

  // Used, and over for whoever asked; what was handed out lives on, and is taken away from the page of the completed request.
  const [type, base64] = readFileSync(`${key}.pub`, "utf8").trim().split(" ");
  const payload = JSON.stringify({ principal: "deploy", command: "uptime", public_key: `${type} ${base64}` });
  const words = ["request", "create", "--task", gate.task, "--descriptor", "ssh.command", "--target", "ssh:shop", "--resource", "warehouse/web"];
  const leased = JSON.parse(gate.command([...words, "--duration", "10m", "--payload", payload, "-o", "json"], [0, 5])).request;
  for (const person of ["reviewer", "second"]) {
    if (gate.status(leased).state !== "held") break;
    gate.command(["approve", leased, "--as", person, "--because", "looked at it", "--criteria", gate.answers(leased, person)]);
  }
  gate.command(["request", "redeem", leased]);
  await tab.open(`${gate.url}/requests/${leased}`);
  assert.equal(await state(tab), "DONE");
  await press(tab, "v", "KeyV");
  assert.deepEqual(await opened(tab), [true, "Yes, take it away"]);
  assert.match(await text(tab), /Nobody begins to use it any more; what is in use goes on/);
  await press(tab, "Escape");
  assert.deepEqual([(await opened(tab))[0], gate.status(leased).lease.state], [false, "active"]);
  await press(tab, "v", "KeyV");
  const away = tab.once("Page.loadEventFired");
  await press(tab, "Enter");
  await away;
  assert.equal(await tab.run("location.pathname"), `/requests/${leased}`);
  assert.match(await text(tab), /second@dev\.gatehold\.local took the credential away/);
  assert.equal((await opened(tab))[0], null);
  // It is gone once it stands on the list that servers read.
  let looks = 0;
  while (gate.status(leased).lease.state !== "revoked") assert.ok((looks += 1) < 1000, "it is never gone");
  await tab.open(`${gate.url}/requests/${leased}`);
  assert.match(await text(tab), /The credential is gone: its target was asked/);
  assert.equal(await state(tab), "DONE");

  // How things go: pictures with names, descriptions and tables; everything is stopped by one person, with a reason.
  await tab.open(`${gate.url}/overview`);
  assert.deepEqual(await tab.run(() => [...document.querySelectorAll("figure svg[role=img]")].map((svg) => svg.querySelector("title") !== null && svg.querySelector("desc") !== null)), [true, true, true]);
  await press(tab, "s", "KeyS");
  assert.equal(await tab.run(() => document.activeElement.name), "reason");
  await tab.run(() => { document.activeElement.value = "something is wrong everywhere"; });
  await tab.leave(() => document.activeElement.form.querySelector("button").click());
  assert.match(await text(tab), /Everything: nothing is let out/);
  gate.command(["audit", "verify"]);

  assert.deepEqual(tab.problems, []);
} finally {
  await chrome.end();
  await gate.end();
}
