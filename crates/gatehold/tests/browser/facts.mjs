// Facts in a real browser: what was looked up, what is only said and what nobody knows have each a mark of their own, on the page
// as it is served and as its own module makes it again; and the development tracker's page changes what is found. Started by
// `tests/browser.rs` with the paths of gatehold and Chromium.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { Chrome, freePort, Gate } from "./chrome.mjs";
import { addPasskey, look, signIn } from "./pages.mjs";

const [program, chromium] = process.argv.slice(2);
const gate = new Gate(program);
const INCIDENT = "Open incident that names the resource";
const CHANGE = "Approved change that names the resource";

/** The mark beside a fact, and the words after it. */
const fact = (tab, label) => tab.run((wanted) => {
  const term = [...document.querySelectorAll("#signed dl.facts dt")].find((one) => one.textContent.trim() === wanted);
  const chip = term.nextElementSibling.querySelector(".chip");
  return { mark: chip.lastChild.textContent.trim(), sign: chip.querySelector(".sign").textContent, said: term.nextElementSibling.textContent };
}, label);

/** The page shows them so, whoever made it. */
async function shows(tab, marks) {
  for (const [label, mark, sign, words] of marks) {
    const seen = await fact(tab, label);
    assert.deepEqual([seen.mark, seen.sign], [mark, sign], `${label}: ${seen.said}`);
    assert.ok(seen.said.includes(words), `${label}: ${seen.said}`);
  }
  const says = await tab.run(() => [...document.querySelectorAll(".chip.claimed")].map((chip) => chip.parentElement.textContent));
  assert.ok(says.some((text) => text.includes("CLAIMED") && text.includes("incident")), says.join("; "));
  // What is claimed never stands among what was found out.
  assert.equal(await tab.run(() => document.querySelectorAll("dl.facts .chip.claimed").length), 0);
}

const chrome = new Chrome(chromium, gate.scratch);
try {
  await gate.start(["--port", String(await freePort())]);
  const tab = await (await chrome.person()).tab();
  await tab.send("Emulation.setFocusEmulationEnabled", { enabled: true });
  await tab.authenticator();
  await signIn(tab, gate, "reviewer");
  const write = "UPDATE orders SET status = 'retry' WHERE id = 7";
  const repair = (claims) => gate.ask(write, ["--cap", "rows=1", ...claims.flatMap((one) => ["--claim", one])], ["sql.repair", "shop/orders"]);
  const one = repair(["incident=INC-7"]);
  const two = repair(["incident=INC-999", "change=CHG-13"]);
  const found = [[INCIDENT, "VERIFIED", "✓", "yes: INC-7 (look-up `lookup.incident`)"], [CHANGE, "UNKNOWN", "?", "the requester claims no `change`"]];
  const not = [[INCIDENT, "UNKNOWN", "?", "it answered 404"], [CHANGE, "VERIFIED NO", "✖", "no: CHG-13"]];

  // As the gate serves it, to whoever has no passkey there.
  for (const [id, marks] of [[one, found], [two, not]]) {
    await tab.open(`${gate.url}/requests/${id}`);
    await shows(tab, marks);
  }
  // As the page's own module makes it from the bytes that are signed.
  await addPasskey(tab, gate);
  for (const [id, marks] of [[one, found], [two, not]]) {
    await look(tab, gate, id);
    await shows(tab, marks);
  }

  // The incident is closed on the tracker's page, and the gate finds that.
  const tracker = readFileSync(join(gate.home, "lookups.toml"), "utf8").match(/http:\/\/127\.0\.0\.1:\d+/)[0];
  await tab.open(`${tracker}/`);
  assert.ok((await tab.run(() => document.querySelector(".dev").textContent)).includes("Development tracker"));
  await tab.leave(() => [...document.querySelectorAll("button")].find((one) => one.textContent === "Say that INC-7 is closed").click());
  assert.equal(await tab.run(() => document.querySelector("[data-state=INC-7]").textContent), "closed");
  await look(tab, gate, one);
  await shows(tab, [[INCIDENT, "VERIFIED NO", "✖", "no: INC-7; `/state` is another"], found[1]]);
  console.log("ok");
} finally {
  await chrome.end();
  await gate.end();
}
