// What a page, a network or a person in a hurry could do to a review, each in a real browser: a page that asks for less, bytes
// that were swapped, an assertion sent twice, a frame, a second tab, the back button, links that are fetched ahead.
// A page of another origin that has the very passkey is one of them. Started by `tests/browser.rs` with the paths of gatehold and
// Chromium.

import assert from "node:assert/strict";
import { createServer } from "node:http";

import { Chrome, Gate } from "./chrome.mjs";
import { addPasskey, answer, approve, approveInVain, look, signIn, state } from "./pages.mjs";

const [program, chromium] = process.argv.slice(2);
const gate = new Gate(program);
await gate.start();
const chrome = new Chrome(chromium, gate.scratch);

/** Whether anybody but this person still has to look: their review does not count yet. */
const open = (id, person) => JSON.parse(gate.command(["inbox", "--as", person, "-o", "json"])).items.some((item) => item.request === id && item.mine);

/** Holds one call of a page where it is on its way, and does something then. */
async function paused(tab, urlPattern, requestStage, act, then) {
  await tab.send("Fetch.enable", { patterns: [{ urlPattern, requestStage }] });
  const held = tab.once("Fetch.requestPaused");
  const acted = act();
  const { requestId } = await held;
  await then(requestId);
  await acted;
  await tab.send("Fetch.disable");
}

try {
  const browser = await chrome.person();
  const tab = await browser.tab();
  await tab.send("Emulation.setFocusEmulationEnabled", { enabled: true });
  const authenticator = await tab.authenticator();
  await signIn(tab, gate, "reviewer");
  await addPasskey(tab, gate);
  const ask = () => gate.ask("UPDATE orders SET status = 'retry' WHERE id = 7", ["--cap", "rows=1"]);

  // B3: a page that was changed asks the authenticator for less than it must.
  const id = ask();
  await look(tab, gate, id);
  await tab.run(() => {
    const get = navigator.credentials.get.bind(navigator.credentials);
    navigator.credentials.get = (options) => get({ publicKey: { ...options.publicKey, userVerification: "discouraged" } });
  });
  await tab.send("WebAuthn.setUserVerified", { authenticatorId: authenticator, isUserVerified: false });
  await answer(tab, { fact: "1" });
  assert.match(await approveInVain(tab), /did not check who was there/);
  assert.ok(open(id, "reviewer"));
  await tab.send("WebAuthn.setUserVerified", { authenticatorId: authenticator, isUserVerified: true });

  // B5: a page at the same name and another port may ask the same passkey, with the very challenge; what it signs says where it was.
  const port = await new Promise((listening) => {
    const server = createServer((_, answer) => answer.setHeader("content-type", "text/html").end("<title>another</title><main></main>"));
    server.listen(0, "127.0.0.1", () => listening(server.address().port));
    server.unref();
  });
  const other = await browser.tab();
  await other.send("Emulation.setFocusEmulationEnabled", { enabled: true });
  const { credentials } = await tab.send("WebAuthn.getCredentials", { authenticatorId: authenticator });
  const theirs = await other.authenticator();
  for (const credential of credentials) await other.send("WebAuthn.addCredential", { authenticatorId: theirs, credential });
  await other.open(`http://localhost:${port}/`);
  await look(tab, gate, id);
  await tab.run(() => {
    navigator.credentials.get = ({ publicKey: { challenge, allowCredentials: [{ id: credential }] } }) => new Promise((resolve) => {
      const text = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
      window.asked = [text(challenge), text(credential)];
      window.answered = resolve;
    });
  });
  await answer(tab, { fact: "1" });
  await tab.until(() => !document.getElementById("approve").disabled);
  await tab.run(() => document.getElementById("approve").click());
  const asked = await tab.run(() => new Promise((resolve) => {
    const look = () => (window.asked ? resolve(window.asked) : setTimeout(look));
    look();
  }));
  const signature = await other.run(async (...values) => {
    const [challenge, credential] = values.map((text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0)));
    const { response } = await navigator.credentials.get({ publicKey: { challenge, rpId: "localhost", allowCredentials: [{ type: "public-key", id: credential }], userVerification: "required" } });
    return ["authenticatorData", "clientDataJSON", "signature"].map((name) => [name, btoa(String.fromCharCode(...new Uint8Array(response[name])))]);
  }, ...asked);
  const client = JSON.parse(Buffer.from(Object.fromEntries(signature).clientDataJSON, "base64"));
  assert.equal(client.origin, `http://localhost:${port}`);
  await tab.run((parts) => {
    const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer;
    window.answered({ response: Object.fromEntries(parts.map(([name, text]) => [name, bytes(text)])) });
  }, signature);
  await tab.until(() => document.getElementById("said").className.includes("bad"));
  assert.match(await tab.run(() => document.getElementById("said").innerText), /origin|another page/);
  assert.ok(open(id, "reviewer"));

  // A26: bytes that were swapped on the way are not shown as if they were signed, and nothing can be signed.
  for (const member of ["display", "view", "payload", "envelope", "asked", "claims"]) {
    await tab.send("Fetch.enable", { patterns: [{ urlPattern: "*/open", requestStage: "Response" }] });
    const paused = tab.once("Fetch.requestPaused");
    const loaded = tab.open(`${gate.url}/requests/${id}`);
    const { requestId } = await paused;
    const { body, base64Encoded } = await tab.send("Fetch.getResponseBody", { requestId });
    const opened = JSON.parse(base64Encoded ? Buffer.from(body, "base64").toString() : body);
    if (member === "claims") {
      opened.claims = { ...opened.claims, reason: "approved by security" };
    } else {
      const bytes = Buffer.from(opened[member], "base64").toString();
      const [from, to] = { payload: ["id = 7", "id > 7"], asked: ["deploy-bot", "deploy-bat"] }[member] ?? ["shop/orders", "shop/ordres"];
      const other = bytes.replace(from, to);
      assert.notEqual(other, bytes, member);
      opened[member] = Buffer.from(other).toString("base64");
    }
    const headers = [{ name: "content-type", value: "application/json" }];
    await tab.send("Fetch.fulfillRequest", { requestId, responseCode: 200, responseHeaders: headers, body: Buffer.from(JSON.stringify(opened)).toString("base64") });
    await loaded;
    await tab.until(() => document.getElementById("said").className.includes("bad"));
    assert.match(await tab.run(() => document.getElementById("said").innerText), /Verification failed/, member);
    assert.deepEqual(await tab.run(() => [document.getElementById("approve").disabled, document.getElementById("signed").childElementCount]), [true, 0], member);
    await tab.send("Fetch.disable");
  }

  // The same when it happens to a page on which everything was answered: what was open before cannot be signed any more.
  await look(tab, gate, id);
  await answer(tab, { fact: "1" });
  await tab.until(() => !document.getElementById("approve").disabled);
  await paused(tab, "*/open", "Request", () => tab.run(() => {
    document.getElementById("decide").elements.key.dispatchEvent(new Event("change"));
  }), (requestId) => tab.send("Fetch.failRequest", { requestId, errorReason: "Failed" }));
  await tab.until(() => document.getElementById("said").className.includes("bad"));
  assert.ok(await tab.run(() => document.getElementById("approve").disabled));

  // What the page said before is not taken for what is signed: claims come from the view, and stand collapsed as what they are.
  const said = gate.ask("UPDATE orders SET status = 'retry' WHERE id = 9", ["--cap", "rows=1", "--reason", "the worker crashed\nat noon"]);
  await paused(tab, "*/open", "Request", () => tab.open(`${gate.url}/requests/${said}`), async (requestId) => {
    await tab.run(() => { document.querySelector("#says blockquote").textContent = "approved by security"; });
    await tab.send("Fetch.continueRequest", { requestId });
  });
  await tab.until(() => !document.getElementById("opened").hidden);
  assert.deepEqual(await tab.run(() => [...document.querySelectorAll("#says .claim")].map((one) => [one.closest("details").open, one.querySelector(".chip").textContent, one.querySelector("h3 bdi").textContent, ...[...one.querySelectorAll("blockquote p")].map((line) => line.textContent)])), [
    [false, "\u201cCLAIMED", "reason", "the worker crashed", "at noon"],
  ]);

  // A long claim is whole, a part at a time, and what it hides behind empty lines is not hidden; a word of it that was swapped on
  // the way is not shown as if it were signed.
  const long = [...Array.from({ length: 150 }, (_, number) => `step ${number + 1}`), ...Array(5_000).fill(""), "and drop the table"].join("\n");
  const lengthy = gate.ask("UPDATE orders SET status = 'retry' WHERE id = 11", ["--cap", "rows=1", "--reason", long]);
  await look(tab, gate, lengthy);
  const unfolded = await tab.run(async () => {
    const all = [...document.querySelectorAll("#says details")];
    for (const one of all) {
      const toggled = new Promise((resolve) => one.addEventListener("toggle", resolve, { once: true }));
      one.open = true;
      await toggled;
    }
    return [all.map((one) => one.querySelector("summary").textContent), [...document.querySelectorAll("#says blockquote p")].map((line) => line.textContent)];
  });
  assert.deepEqual(unfolded, [
    ["Untrusted text, 1 part, whole: nobody has checked it", "Lines 101 to 5,151 of 5,151"],
    [...Array.from({ length: 150 }, (_, number) => `step ${number + 1}`), "⋯ 5,000 empty lines ⋯", "and drop the table"],
  ]);
  assert.match(gate.command(["show", lengthy, "--as", "second"]), /step 150[\s\S]*and drop the table/);
  await tab.send("Fetch.enable", { patterns: [{ urlPattern: "*/open", requestStage: "Response" }] });
  const answered = tab.once("Fetch.requestPaused");
  const loaded = tab.open(`${gate.url}/requests/${lengthy}`);
  const { requestId: swapped } = await answered;
  const { body: sent, base64Encoded: encoded } = await tab.send("Fetch.getResponseBody", { requestId: swapped });
  const text = (encoded ? Buffer.from(sent, "base64").toString() : sent).replace("and drop the table", "and keep the table");
  await tab.send("Fetch.fulfillRequest", { requestId: swapped, responseCode: 200, responseHeaders: [{ name: "content-type", value: "application/json" }], body: Buffer.from(text).toString("base64") });
  await loaded;
  await tab.until(() => document.getElementById("said").className.includes("bad"));
  assert.match(await tab.run(() => document.getElementById("said").innerText), /Verification failed: the requester said something else when it asked; what the requester says is not what would be signed/);
  await tab.send("Fetch.disable");

  // A page that was made before an answer, and is looked at only then, is loaded again before it is opened.
  gate.command(["ask", said, "which worker?", "--as", "second"], [0, 5]);
  let anew;
  await paused(tab, "*/stamp", "Request", () => tab.open(`${gate.url}/requests/${said}`), async (requestId) => {
    gate.command(["request", "answer", said, "the one of billing"], [0, 5]);
    await tab.run("new Promise((resolve) => { if (document.readyState === 'complete') resolve(); else addEventListener('load', resolve); })");
    anew = tab.once("Page.frameNavigated");
    await tab.send("Fetch.continueRequest", { requestId });
  });
  await anew;
  await tab.until(() => document.getElementById("opened")?.hidden === false);
  assert.match(await tab.run(() => document.getElementById("says").textContent), /CLAIMED.*answer to question 1.*the one of billing/s);

  // An assertion counts once: what was sent is sent again, for the same request and for another.
  await look(tab, gate, id);
  await tab.run(() => {
    const real = window.fetch;
    window.fetch = (address, options) => {
      if (String(address).endsWith("/review")) sessionStorage.setItem("sent", options.body.toString());
      return real(address, options);
    };
  });
  await answer(tab, { fact: "1" });
  await approve(tab);
  assert.ok(!open(id, "reviewer"));
  const again = (request) => tab.run((address) => fetch(address, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: sessionStorage.getItem("sent"),
  }).then(async (said) => [said.status, await said.text()]), `/requests/${request}/review`);
  const another = ask();
  for (const request of [id, another]) {
    const [status, text] = await again(request);
    assert.equal(status, 409, text);
  }
  assert.ok(open(another, "reviewer"));

  // Another page of the same browser, of another origin, is not ours: neither may it post, nor frame the page.
  const elsewhere = await browser.tab();
  const fields = ["act", "suspicious", "reason", "", "text", "", "token", "x"];
  const inputs = [0, 2, 4, 6].map((at) => `<input name=${fields[at]} value="${fields[at + 1]}">`).join("");
  await elsewhere.open(`data:text/html,${encodeURIComponent(`<form method=post action="${gate.url}/requests/${another}/act">${inputs}</form>`)}`);
  await elsewhere.leave(() => document.querySelector("form").submit());
  assert.match(await elsewhere.run(() => document.querySelector("main").innerText), /not from this page/);
  assert.equal(gate.command(["inbox", "--as", "second", "-o", "id"]).includes(another), true);
  await elsewhere.open(`data:text/html,<iframe src="${gate.url}/requests/${another}"></iframe>`);
  const { targetInfos } = await chrome.send("Target.getTargets");
  const frame = targetInfos.find(({ type }) => type === "iframe");
  const { sessionId } = await chrome.send("Target.attachToTarget", { targetId: frame.targetId, flatten: true });
  const inside = await chrome.send("Runtime.evaluate", { expression: "[location.protocol, document.getElementById('main')]", returnByValue: true }, sessionId);
  assert.deepEqual(inside.result.value, ["chrome-error:", null]);

  // A second tab: what was opened in the first is still good once, and the other then says that the review is in.
  const beside = await browser.tab();
  await beside.send("Emulation.setFocusEmulationEnabled", { enabled: true });
  await look(tab, gate, another);
  await beside.open(`${gate.url}/requests/${another}`);
  await beside.until(() => !document.getElementById("opened").hidden);
  await answer(tab, { fact: "1" });
  await approve(tab);
  await beside.send("Page.reload");
  await beside.once("Page.loadEventFired");
  assert.match(await beside.run(() => document.getElementById("decision").innerText), /Your review is in/);

  // Back from the list: what is shown is what is, never what was.
  const gone = ask();
  await look(tab, gate, gone);
  await tab.open(`${gate.url}/`);
  gate.command(["deny", gone, "--reason", "duplicate", "--as", "second"]);
  const back = tab.once("Page.loadEventFired");
  await tab.run(() => history.back());
  await back;
  assert.equal(await state(tab), "DENIED");

  // B10: whatever fetches every link ahead changes nothing.
  const held = ask();
  const size = () => gate.command(["audit", "verify"]).match(/(\d+) leaves/)?.[1];
  const before = size();
  await tab.open(`${gate.url}/requests/${held}`);
  await tab.run(async () => {
    const addresses = [...document.querySelectorAll("a[href], link[href], script[src]")].map((one) => one.href || one.src);
    for (const address of addresses) await fetch(address);
  });
  assert.ok(before !== undefined && size() === before);

  // A session that was ended acts no more, and a form of before is refused.
  await tab.open(`${gate.url}/requests/${held}`);
  const token = await tab.run(() => document.querySelector("input[name=token]").value);
  await tab.leave(() => document.querySelector("form[action='/session/end'] button").click());
  const late = await tab.run((address, old) => fetch(address, { method: "POST", body: new URLSearchParams({ token: old, act: "deny", reason: "other", text: "" }) }).then((said) => said.status), `/requests/${held}/act`, token);
  assert.equal(late, 403);
} finally {
  await chrome.end();
  await gate.end();
}
