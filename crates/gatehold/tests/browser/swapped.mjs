// Another module of the page, in two hands. Whoever only stands between gate and browser, or in a cache, changes the bytes of a file:
// the browser takes none but those that the page names by their hash, and nothing can be approved. A gate that was taken over names
// its own: the page lies, the bytes that are signed say another thing, and the page cannot tell. The terminal, which makes everything
// itself from the root that it pinned, shows the true bytes, and its `doctor --pages` names the file.
// Started by `tests/browser.rs` with the paths of gatehold and Chromium.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createServer, request as ask } from "node:http";

import { Chrome, Gate } from "./chrome.mjs";
import { addPasskey, look, signIn } from "./pages.mjs";

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
const lying = (panel) => {
  const swapped = panel.replace("export async function panel(", "async function honest(") + LYING;
  assert.notEqual(swapped, panel + LYING);
  return swapped;
};
const integrity = (text) => `sha256-${createHash("sha256").update(text).digest("base64")}`;

/** Changes what this tab is answered: for each part of an address, what is made of the text that came. */
async function between(tab, changes) {
  await tab.send("Network.setCacheDisabled", { cacheDisabled: true });
  tab.hear(async ({ method, params }) => {
    if (method !== "Fetch.requestPaused") return;
    const { requestId, request, responseStatusCode, responseHeaders } = params;
    const change = Object.entries(changes).find(([part]) => request.url.includes(part))?.[1];
    if (!change) {
      await tab.send("Fetch.continueRequest", { requestId });
      return;
    }
    const { body, base64Encoded } = await tab.send("Fetch.getResponseBody", { requestId });
    const changed = change(base64Encoded ? Buffer.from(body, "base64").toString() : body);
    // As it came, but for what no longer holds of it.
    const headers = responseHeaders.filter(({ name }) => !/^(content-encoding|content-length|etag)$/i.test(name));
    await tab.send("Fetch.fulfillRequest", { requestId, responseCode: responseStatusCode, responseHeaders: headers, body: Buffer.from(changed).toString("base64") });
  });
  const patterns = Object.keys(changes).map((part) => ({ urlPattern: `*${part.replaceAll("?", "\\?")}*`, requestStage: "Response" }));
  await tab.send("Fetch.enable", { patterns });
}

/** Loads the page of a request to its end, where its module may not run at all. */
async function loaded(tab, id) {
  await tab.open(`${gate.url}/requests/${id}`);
  // Modules run before a page is loaded, or never.
  return shows(tab);
}

const shows = (tab) => tab.run(() => ({
  opened: !document.getElementById("opened").hidden,
  button: document.getElementById("approve").checkVisibility() && !document.getElementById("approve").disabled,
  text: document.querySelector("#signed").textContent,
}));

/** A gate of the same words at another address, which serves this file otherwise. */
async function relay(path, change) {
  const upstream = new URL(gate.url);
  const server = createServer((from, to) => {
    const { method, url, headers } = from;
    const call = ask({ host: upstream.hostname, port: upstream.port, method, path: url, headers: { ...headers, host: upstream.host, "accept-encoding": "identity" } }, async (answer) => {
      const parts = [];
      for await (const part of answer) parts.push(part);
      const body = url === path ? Buffer.from(change(Buffer.concat(parts).toString())) : Buffer.concat(parts);
      to.writeHead(answer.statusCode, { ...answer.headers, "content-length": body.length });
      to.end(body);
    });
    from.pipe(call);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return server;
}

/** Beside this process, which relays what is asked. */
const doctor = (url) => new Promise((done) => {
  execFile(program, ["doctor", "--pages", "--url", url], { env: gate.environment }, (error, said) => done({ status: error?.code ?? 0, said }));
});

try {
  const browser = await chrome.person();
  const tab = await browser.tab();
  await tab.send("Emulation.setFocusEmulationEnabled", { enabled: true });
  await tab.authenticator();
  await signIn(tab, gate, "reviewer");
  await addPasskey(tab, gate);
  const id = gate.ask("UPDATE orders SET status = 'refund' WHERE id = 7", ["--cap", "rows=1"]);
  await look(tab, gate, id);
  const panel = await (await fetch(`${gate.url}/static/panel.js`)).text();
  const files = await tab.run(() => [...document.querySelectorAll("link[rel=modulepreload], script, link[rel=stylesheet]")].map((one) => new URL(one.src || one.href).pathname));
  const brought = files.filter((file) => file.endsWith(".js"));
  assert.ok(brought.includes("/static/panel.js") && brought.includes("/static/sign.js") && brought.length > 10, brought.join());

  // Between gate and browser: each script of the page, changed by a comment alone, does not run.
  for (const file of new Set(brought)) {
    const other = await browser.tab();
    await between(other, { [file]: file.endsWith("/panel.js") ? lying : (text) => `${text}\n// other bytes\n` });
    const { opened, button, text } = await loaded(other, id);
    assert.ok(!text.includes("retry"), file);
    assert.ok(other.problems.some((problem) => problem.includes("integrity") && problem.includes(file)), `${file}: ${other.problems}`);
    // What makes, shows and has signed does nothing without each of its parts; the rest of the page stands.
    const signs = ["sign", "authenticator", "bytes", "claims", "clock", "fact", "later", "panel", "reading", "reason"].some((name) => file === `/static/${name}.js`);
    if (signs) assert.deepEqual({ opened, button }, { opened: false, button: false }, file);
    await other.send("Page.close");
  }
  // A page that was changed to name no hash for a module does not have it brought in either.
  const unnamed = await browser.tab();
  await between(unnamed, {
    [`/requests/${id}`]: (page) => page.replaceAll(/<link rel="modulepreload"[^>]*panel\.js[^>]*>/g, ""),
    "/static/panel.js": lying,
  });
  const { opened, text } = await loaded(unnamed, id);
  assert.ok(!opened && !text.includes("retry"));
  await unnamed.send("Page.close");

  // What a page loads later it names as well. Changed by a comment alone, or not named, nothing of it runs: nobody selects, nobody is
  // reminded, and without the list of words nothing is opened.
  const comment = (text) => `${text}\n// other bytes\n`;
  const unlisted = (page) => page.replaceAll(/ data-later="[^"]*"/g, "");
  for (const changes of [{ "/static/select.js": comment }, { "/?view=all": unlisted }]) {
    const list = await browser.tab();
    await between(list, changes);
    await list.open(`${gate.url}/?view=all`);
    assert.equal(await list.run(() => import("/static/select.js").then(() => "ran", () => "refused")), "refused");
    await list.run(() => document.getElementById("select").click());
    await list.until(() => /Nothing can be selected now: load this page again/.test(document.getElementById("select").innerText));
    assert.equal(await list.run(() => document.getElementById("selection")), null);
    await list.send("Page.close");
  }
  for (const changes of [{ "/static/remind.js": comment }, { [`/requests/${id}`]: unlisted }]) {
    const other = await browser.tab();
    await between(other, changes);
    await loaded(other, id);
    const refused = other.once("Runtime.exceptionThrown");
    await other.run(() => document.dispatchEvent(new KeyboardEvent("keydown", { key: "h", bubbles: true })));
    assert.match((await refused).exceptionDetails.exception.description, /remind\.js/);
    assert.equal(await other.run(() => document.getElementById("remind")), null);
    await other.send("Page.close");
  }
  for (const changes of [{ "/static/words.txt": (text) => text.replace(/^(\w+)$/m, "$1s") }, { [`/requests/${id}`]: unlisted }]) {
    const other = await browser.tab();
    await between(other, changes);
    await loaded(other, id);
    await other.until(() => /nothing was signed/.test(document.getElementById("said").innerText));
    const { opened, button } = await shows(other);
    assert.deepEqual({ opened, button }, { opened: false, button: false });
    await other.send("Page.close");
  }

  // A gate that was taken over names the hash of its own file: the page lies, and nothing on it says so.
  const taken = await browser.tab();
  await taken.send("Emulation.setFocusEmulationEnabled", { enabled: true });
  await between(taken, {
    [`/requests/${id}`]: (page) => page.replaceAll(integrity(panel), integrity(lying(panel))),
    "/static/panel.js": lying,
  });
  await look(taken, gate, id);
  const page = await taken.run(() => document.querySelector("#signed").textContent);
  assert.match(page, /retry/);
  assert.doesNotMatch(page, /refund/);

  // The terminal disagrees about the action, and agrees on the words: it is the same request.
  const terminal = gate.command(["show", id, "--as", "reviewer"]);
  assert.match(terminal, /status = 'refund'/);
  assert.doesNotMatch(terminal, /retry/);
  assert.match(terminal, /verified here, from the root that you pinned, sha256:/);
  assert.match(terminal, /its pages are made of the files in this program, sha256:/);
  const { words } = JSON.parse(gate.command(["show", id, "--as", "reviewer", "-o", "json"]));
  assert.ok(page.includes(words.join("-")), words.join("-"));

  // What is served to everybody, the terminal compares with its own copies and names.
  assert.match(gate.command(["doctor", "--pages"]), /serves the \d+ page files of this program/);
  const server = await relay("/static/panel.js", lying);
  const { port } = server.address();
  const { status, said } = await doctor(`http://127.0.0.1:${port}`);
  server.closeAllConnections();
  server.close();
  assert.equal(status, 7, said);
  assert.match(said, /BAD panel\.js is served as sha256:[0-9a-f]{64}, and is sha256:[0-9a-f]{64} in this program/);
  assert.equal(said.match(/BAD/g).length, 1, said);
} finally {
  await chrome.end();
  await gate.end();
}
