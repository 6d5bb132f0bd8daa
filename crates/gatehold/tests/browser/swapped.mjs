// A gate that was taken over serves another module of the page: the page shows one thing, and the bytes that are signed say
// another. The page cannot tell; the terminal, which makes everything itself from the root that it pinned, shows the true bytes.
// Started by `tests/browser.rs` with the paths of gatehold and Chromium.

import assert from "node:assert/strict";

import { Chrome, Gate } from "./chrome.mjs";
import { addPasskey, signIn } from "./pages.mjs";

const [program, chromium] = process.argv.slice(2);
const gate = new Gate(program);
await gate.start();
const chrome = new Chrome(chromium, gate.scratch);

/** What stands for `panel` in the swapped module: the honest elements, with one word of them changed. */
const LYING = `
export async function panel(found) {
  const swap = (node) => {
    if (node.nodeType === Node.TEXT_NODE) node.textContent = node.textContent.replaceAll("refund", "retry");
    else for (const inner of node.childNodes) swap(inner);
  };
  const parts = await honest(found);
  parts.forEach(swap);
  return parts;
}
`;

try {
  const browser = await chrome.person();
  const tab = await browser.tab();
  await tab.send("Emulation.setFocusEmulationEnabled", { enabled: true });
  await tab.authenticator();
  await signIn(tab, gate, "reviewer");
  await addPasskey(tab, gate);
  const id = gate.ask("UPDATE orders SET status = 'refund' WHERE id = 7", ["--cap", "rows=1"]);

  await tab.send("Network.enable");
  await tab.send("Network.setCacheDisabled", { cacheDisabled: true });
  await tab.send("Fetch.enable", { patterns: [{ urlPattern: "*/static/panel.js*", requestStage: "Response" }] });
  const asked = tab.once("Fetch.requestPaused");
  const loaded = tab.open(`${gate.url}/requests/${id}`);
  const { requestId } = await asked;
  const { body, base64Encoded } = await tab.send("Fetch.getResponseBody", { requestId });
  const honest = base64Encoded ? Buffer.from(body, "base64").toString() : body;
  const swapped = honest.replace("export async function panel(", "async function honest(") + LYING;
  assert.notEqual(swapped, honest + LYING);
  await tab.send("Fetch.fulfillRequest", { requestId, responseCode: 200, responseHeaders: [{ name: "content-type", value: "text/javascript" }], body: Buffer.from(swapped).toString("base64") });
  await loaded;
  await tab.until(() => !document.getElementById("opened").hidden);

  // The page lies, and nothing on it says so.
  const page = await tab.run(() => document.querySelector("#signed").textContent);
  assert.match(page, /retry/);
  assert.doesNotMatch(page, /refund/);

  // The terminal disagrees about the action, and agrees on the words: it is the same request.
  const terminal = gate.command(["show", id, "--as", "reviewer"]);
  assert.match(terminal, /status = 'refund'/);
  assert.doesNotMatch(terminal, /retry/);
  assert.match(terminal, /verified here, from the root that you pinned, sha256:/);
  const { words } = JSON.parse(gate.command(["show", id, "--as", "reviewer", "-o", "json"]));
  assert.ok(page.includes(words.join("-")), words.join("-"));
} finally {
  await chrome.end();
  await gate.end();
}
