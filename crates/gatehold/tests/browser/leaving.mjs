// Whoever goes elsewhere gets there. The page of a request loads itself again when it hears that it shows what is no more: a page that
// somebody is leaving just then does not, or they would be kept on it. Both answers are held back until both are on their way, so
// nothing here hangs on which is faster. Started by `tests/browser.rs` with the paths of gatehold and Chromium.

import assert from "node:assert/strict";

import { Chrome, Gate } from "./chrome.mjs";
import { addPasskey, signIn, state } from "./pages.mjs";

const [program, chromium] = process.argv.slice(2);
const gate = new Gate(program);
await gate.start();
const chrome = new Chrome(chromium, gate.scratch);

/** Says when the page has done what it does with an answer: its own promises are through before the next task begins. */
const TOLD = `{
  const json = Response.prototype.json;
  Response.prototype.json = async function told() {
    const said = await json.call(this);
    setTimeout(() => took(""));
    return said;
  };
}`;

try {
  const tab = await (await chrome.person()).tab();
  await tab.send("Emulation.setFocusEmulationEnabled", { enabled: true });
  await tab.authenticator();
  await signIn(tab, gate, "reviewer");
  await addPasskey(tab, gate);
  await tab.send("Runtime.addBinding", { name: "took" });
  await tab.send("Page.addScriptToEvaluateOnNewDocument", { source: TOLD });

  /** The next request to an address with this in it, held back. */
  const held = (part) => new Promise((resolve) => {
    const listen = ({ sessionId, method, params }) => {
      if (sessionId !== tab.session || method !== "Fetch.requestPaused" || !params.request.url.includes(part)) return;
      chrome.heard.delete(listen);
      resolve(params.requestId);
    };
    chrome.heard.add(listen);
  });
  const other = (requestId) => tab.send("Fetch.fulfillRequest", {
    requestId, responseCode: 200, responseHeaders: [{ name: "content-type", value: "application/json" }],
    body: Buffer.from(JSON.stringify({ stamp: "another", changed: [], now: new Date().toISOString() })).toString("base64"),
  });

  /** Opens a page that looks whether it is still so; while that is on its way, somebody goes elsewhere or does not. */
  const hears = async (id, goes) => {
    await tab.send("Fetch.enable", { patterns: [{ urlPattern: "*/stamp*" }, { urlPattern: "*/overview" }] });
    const looks = held("/stamp");
    await tab.open(`${gate.url}/requests/${id}`);
    const look = await looks;
    if (!goes) {
      const again = tab.once("Page.loadEventFired");
      await other(look);
      await again;
    } else {
      const leaves = held("/overview");
      await tab.run(() => { location.assign("/overview"); });
      const leave = await leaves;
      // The browser evaluates nothing in a page that is being left, and still passes on what the page calls.
      const took = tab.once("Runtime.bindingCalled");
      await other(look);
      await took;
      const there = tab.once("Page.loadEventFired");
      await tab.send("Fetch.continueRequest", { requestId: leave });
      await there;
    }
    await tab.send("Fetch.disable");
    return tab.run("location.pathname");
  };

  const open = gate.ask("UPDATE orders SET status = 'retry' WHERE id = 7", ["--cap", "rows=1"]);
  const usable = gate.ask("UPDATE orders SET status = 'retry' WHERE id = 8", ["--cap", "rows=1"]);
  gate.approveAll(usable);
  for (const id of [open, usable]) {
    assert.equal(await hears(id, false), `/requests/${id}`);
    assert.equal(await state(tab), id === open ? "HELD" : "MAY BE USED");
    assert.equal(await hears(id, true), "/overview");
  }
  assert.deepEqual(tab.problems, []);
} finally {
  await chrome.end();
  await gate.end();
}
