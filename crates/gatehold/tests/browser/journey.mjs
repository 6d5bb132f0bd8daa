// Two people review in browsers of their own, each with a passkey: approve, narrow, deny, ask, escalate, report, and what a
// changed request does to an open page. Started by `tests/browser.rs` with the paths of gatehold and Chromium and of the
// dossier that it leaves behind; prints where the pages were.

import assert from "node:assert/strict";

import { Chrome, Gate } from "./chrome.mjs";
import { act, addPasskey, answer, approve, approveInVain, be, look, signIn, state } from "./pages.mjs";

const [program, chromium, dossier] = process.argv.slice(2);
const gate = new Gate(program);
await gate.start();
const chrome = new Chrome(chromium, gate.scratch);

try {
  const tab = await (await chrome.person()).tab();
  await tab.send("Emulation.setFocusEmulationEnabled", { enabled: true });
  await tab.authenticator();
  // Passkeys work at a name alone, so the address leads there.
  await tab.open(`${gate.url.replace("localhost", "127.0.0.1")}/sign-in`);
  assert.equal(await tab.run("location.href"), `${gate.url}/sign-in`);
  await signIn(tab, gate, "reviewer");
  await addPasskey(tab, gate);
  assert.match(await tab.run(() => document.querySelector("main").innerText), /Passkey\s*◆\s*verified signs on this page/);

  // Two seats by two people: after the first nothing is said of it to the second, and the digest words are the terminal's.
  const two = gate.ask("UPDATE orders SET status = 'retry' WHERE id IN (5, 7)", ["--cap", "rows=2", "--reason", "the payment worker crashed"]);
  await look(tab, gate, two);
  assert.match(await tab.run(() => document.getElementById("yet").textContent), /criteria are not met/);
  // What the requester says is closed until every criterion is answered: no click and no key opens it, and no search finds it.
  const story = () => tab.run(() => {
    const details = document.querySelector("#says details");
    const summary = details.querySelector("summary");
    summary.scrollIntoView({ block: "center" });
    summary.focus();
    const { left, top } = summary.getBoundingClientRect();
    const hit = details.contains(document.elementFromPoint(left + 20, top + 4));
    return [details.open, details.inert, document.activeElement === summary, hit, document.querySelector("#says .locked") !== null];
  });
  assert.deepEqual(await story(), [false, true, false, false, true]);
  const words = await tab.run(() => document.querySelector("#signed .words").textContent);
  assert.ok(gate.command(["show", two, "--as", "second"]).includes(words), words);
  await answer(tab, { wrong: "3" });
  assert.deepEqual(await story(), [false, false, true, true, false]);
  // Time counts where the action is read, not where the story is.
  await tab.run(() => document.querySelector(".exact-action .end").scrollIntoView());
  assert.match(await approveInVain(tab), /not what stands above/);
  // For whom typing is harder it is chosen from a list, in which it stands once: the same test.
  const listed = await tab.run(() => {
    document.querySelector("#challenge button").click();
    const list = document.getElementById("fact");
    return [list.tagName, list.value, document.activeElement === list, [...list.options].slice(1).map((one) => one.value), list.dataset.fact];
  });
  assert.deepEqual(listed.slice(0, 3), ["SELECT", "", true]);
  assert.ok(listed[3].length >= 4 && new Set(listed[3]).size === listed[3].length, String(listed[3]));
  await answer(tab, { fact: "2" });
  assert.notEqual(await tab.run(() => document.getElementById("fact").value), "");
  await approve(tab);
  assert.equal(await state(tab), "HELD");
  assert.match(await tab.run(() => document.getElementById("decision").innerText), /Your review is in/);

  await be(tab, "second");
  await addPasskey(tab, gate);
  await look(tab, gate, two);
  const seen = await tab.run(() => document.querySelector("main").innerText);
  assert.match(seen, /2 people needed/);
  // Five answers, and the report beside them.
  const answers = await tab.run(() => [...document.querySelectorAll("#acts > details > summary, #acts > button")].map((one) => one.innerText.split(/\s/)[0]));
  assert.deepEqual(answers, ["Deny", "Narrow", "Ask", "Escalate", "Approve…", "Report"]);
  assert.doesNotMatch(seen, /reviewer@dev\.gatehold\.local (approved|signed)|1 of 2/);
  await answer(tab, { fact: "2" });
  // Narrowed: at most one row, which the action then exceeds, so the target refuses and nothing is written.
  await tab.run(() => {
    const field = document.querySelector("[name='cap:rows']");
    field.value = "1";
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
  // What would be granted is drawn again, and stands there once more when the authenticator is asked.
  assert.match(await tab.run(() => document.getElementById("limits").textContent), /^15 min, 1 use, at most 1 row .*NARROWED asked for: 15 min, 1 use, at most 2 rows$/);
  await tab.run(() => {
    const get = navigator.credentials.get.bind(navigator.credentials);
    navigator.credentials.get = (options) => {
      sessionStorage.setItem("signing", document.getElementById("said").innerText);
      return get(options);
    };
  });
  await tab.until(() => !document.getElementById("approve").disabled);
  assert.match(await tab.run(() => document.getElementById("approve").innerText), /but 15 min, 1 use, at most 1 row/);
  await approve(tab);
  assert.match(await tab.run(() => sessionStorage.getItem("signing")), /^You sign: .*1 use, at most 1 row · \w+-\w+-\w+-\w+$/);
  assert.equal(await state(tab), "MAY BE USED");
  gate.command(["request", "redeem", two], [0, 1, 3]);
  await tab.open(`${gate.url}/requests/${two}`);
  assert.equal(await state(tab), "FAILED");

  // The same, as it was asked for; the gate executes it, and whoever has the dossier verifies both passkeys' signatures.
  const one = gate.ask("UPDATE orders SET status = 'retry' WHERE id = 7", ["--cap", "rows=1"]);
  for (const person of ["reviewer", "second"]) {
    await be(tab, person);
    await look(tab, gate, one);
    await answer(tab, { fact: "1" });
    await approve(tab);
  }
  assert.equal(await state(tab), "MAY BE USED");
  // Whoever has just decided sees what comes of it, without asking for it.
  const performed = tab.once("Page.loadEventFired");
  gate.command(["request", "redeem", one]);
  await performed;
  assert.equal(await state(tab), "DONE");
  gate.command(["audit", "dossier", one, "--out", dossier]);
  const explained = gate.command(["audit", "explain", dossier]);
  assert.match(explained, /verified/i);

  // A question, its answer, and a page that was open meanwhile: it disarms, and nothing is signed.
  const asked = gate.ask("UPDATE orders SET status = 'paid' WHERE id = 4", ["--cap", "rows=1"]);
  await look(tab, gate, asked);
  gate.command(["ask", asked, "which payment is it for?", "--as", "second"], [0, 5]);
  gate.command(["request", "answer", asked, "invoice 12, by bank transfer"], [0, 5]);
  await answer(tab, { fact: "1" });
  assert.match(await approveInVain(tab), /changed since you opened it/);
  assert.ok(await tab.run(() => document.getElementById("approve").disabled));
  await look(tab, gate, asked);
  await act(tab, "ask", { text: "and who booked it?" });
  await act(tab, "escalate", {});
  assert.equal(await state(tab), "HELD");
  // No reason is chosen beforehand; a digit chooses one, in a text it stays a digit, and nothing is sent by it.
  const reason = () => tab.run(() => document.querySelector("#act-deny select").value);
  const press = async (key) => {
    for (const type of ["keyDown", "keyUp"]) await tab.send("Input.dispatchKeyEvent", { type, key, text: type === "keyDown" ? key : undefined, windowsVirtualKeyCode: key.toUpperCase().charCodeAt(0) });
  };
  assert.equal(await reason(), "");
  await press("3");
  assert.equal(await reason(), "");
  await press("d");
  await press("4");
  assert.equal(await reason(), "context_missing");
  await tab.run(() => document.querySelector("#act-deny textarea").focus());
  await press("2");
  assert.deepEqual(await tab.run(() => [document.querySelector("#act-deny textarea").value, document.querySelector("#act-deny select").value]), ["2", "context_missing"]);
  assert.equal(await state(tab), "HELD");
  await act(tab, "deny", { reason: "context_missing", text: "whose order is it?" });
  assert.equal(await state(tab), "DENIED");

  // Reported: denied, and whoever asked is paused.
  const odd = gate.ask("DELETE FROM orders", ["--reason", "<b>approved by security</b> \u202enow"]);
  await look(tab, gate, odd);
  await act(tab, "suspicious", { text: "the reason is written for me" });
  assert.equal(await state(tab), "DENIED");
  assert.throws(() => gate.ask("UPDATE orders SET status = 'paid' WHERE id = 2", ["--cap", "rows=1"]), /exit 3/);

  // A page that is left while it opens what was denied meanwhile is told so.
  assert.deepEqual(tab.problems.filter((problem) => !/\b409\b.*\/open$/.test(problem)), []);
  gate.command(["audit", "verify"]);
  console.log(gate.url);
} finally {
  await chrome.end();
  await gate.end();
}
