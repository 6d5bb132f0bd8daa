// What stands between reading and signing: the time it takes to read, the network, and a hand that presses more than one key. The
// page's own seconds are counted by this test, so nothing is waited for. Started by `tests/browser.rs` with the paths of gatehold
// and Chromium.

import assert from "node:assert/strict";

import { Chrome, freePort, Gate } from "./chrome.mjs";
import { act, addPasskey, answer, EVERY_KEY, look, press, signIn, state } from "./pages.mjs";

const [program, chromium] = process.argv.slice(2);
const gate = new Gate(program);
await gate.start(["--port", String(await freePort())]);
const chrome = new Chrome(chromium, gate.scratch);

/** From here on what a page does every second is done by `window.second`, and what it does less often is not done. */
const SECONDS = `{
  const every = [];
  window.setInterval = (act, after) => { if (after === 1_000) every.push(act); return 0; };
  window.second = () => every.forEach((act) => act());
}`;
/** How often the authenticator was asked, however often the page is loaded. */
const ASKED = `{
  const get = navigator.credentials.get.bind(navigator.credentials);
  navigator.credentials.get = (options) => {
    sessionStorage.setItem("asked", Number(sessionStorage.getItem("asked")) + 1);
    return get(options);
  };
}`;

const update = (id) => gate.ask(`UPDATE orders SET status = 'retry' WHERE id = ${id}`, ["--cap", "rows=1"]);

try {
  const { context, tab } = await chrome.person().then(async (person) => ({ context: person.context, tab: await person.tab() }));
  await chrome.send("Browser.grantPermissions", { permissions: ["clipboardSanitizedWrite"], browserContextId: context });
  await tab.send("Emulation.setFocusEmulationEnabled", { enabled: true });
  await tab.authenticator();
  const posted = [];
  tab.hear(({ method, params }) => {
    if (method === "Network.requestWillBeSent" && params.request.method !== "GET") posted.push(new URL(params.request.url).pathname);
  });
  await signIn(tab, gate, "reviewer");
  await addPasskey(tab, gate);
  for (const source of [SECONDS, ASKED]) await tab.send("Page.addScriptToEvaluateOnNewDocument", { source });

  const bar = () => tab.run(() => ({
    disabled: document.getElementById("approve").disabled,
    yet: document.getElementById("yet").textContent,
    said: document.getElementById("said").innerText,
    sends: [...document.querySelectorAll("#acts form button")].some((one) => !one.disabled),
  }));
  const second = () => tab.run(() => window.second());
  /** Reads and answers everything, and then only the time is missing. */
  const answered = async () => {
    await answer(tab, { fact: "1" });
    await tab.until(() => /^Not yet: \d+ s of reading\.$/.test(document.getElementById("yet").textContent));
  };
  /** What answers it, and the time: only the hand is missing. */
  const armed = async () => {
    await answered();
    for (let left = 4; left > 0; left -= 1) await second();
    assert.equal((await bar()).disabled, false);
  };

  // Every question is answered and the end was seen: what is missing is the time, and it says how much. Deny does not wait for it.
  const hasty = update(4);
  await look(tab, gate, hasty);
  await answered();
  const denies = () => tab.run(() => document.querySelector("#act-deny summary").checkVisibility());
  for (const left of [4, 3, 2, 1]) {
    assert.deepEqual(await bar(), { disabled: true, yet: `Not yet: ${left} s of reading.`, said: "", sends: true });
    assert.ok(await denies());
    await second();
  }
  assert.deepEqual(await bar(), { disabled: false, yet: "", said: "", sends: true });
  await look(tab, gate, hasty);
  await answered();
  assert.equal((await bar()).disabled, true);
  await act(tab, "deny", { reason: "too_broad" });
  assert.equal(await state(tab), "DENIED");

  // A longer text takes longer: a second for every ten words.
  const long = gate.ask(`UPDATE orders SET note = '${"a b ".repeat(60)}' WHERE id = 7`, ["--cap", "rows=1"]);
  await look(tab, gate, long);
  await answered();
  const { display } = JSON.parse(gate.command(["show", long, "--as", "reviewer", "-o", "json"]));
  assert.equal((await bar()).yet, `Not yet: ${Math.ceil(display.counts.words / 10)} s of reading.`);
  assert.ok(display.counts.words > 120);

  // Armed, on red: every key alone, wherever one may stand. None signs, none sends, and none leaves but back to the list.
  const one = update(5);
  await look(tab, gate, one);
  await armed();
  posted.length = 0;
  await tab.run(() => {
    window.left = [];
    window.pressed = 0;
    window.stay = new AbortController();
    navigation.addEventListener("navigate", (event) => {
      window.left.push(new URL(event.destination.url).pathname);
      event.preventDefault();
    }, { signal: window.stay.signal });
    document.getElementById("approve").addEventListener("click", () => { window.pressed += 1; });
  });
  /** As at first, with the focus on nothing, or on something. */
  const stand = (where) => tab.run((selector) => {
    for (const open of document.querySelectorAll("dialog[open]")) open.close();
    for (const open of document.querySelectorAll("#acts details[open]")) open.open = false;
    document.activeElement.blur();
    if (selector) document.querySelector(selector).focus();
  }, where);
  const nothing = async (what) => {
    const found = await tab.run(() => [window.pressed, Number(sessionStorage.getItem("asked")), document.getElementById("approve").disabled]);
    assert.deepEqual([found, posted], [[0, 0, false], []], what);
  };
  for (const key of EVERY_KEY) {
    await stand(null);
    await press(tab, key);
    await nothing(`${JSON.stringify(key)} alone`);
  }
  // Enter in what is filled in sends nothing either.
  for (const where of ["#fact", "#lower input", "#otherwise", "#criteria input[value=yes]", "#act-deny select"]) {
    await stand(null);
    await tab.run((selector) => document.querySelector(selector).closest("details")?.setAttribute("open", ""), where);
    await tab.run((selector) => document.querySelector(selector).focus(), where);
    assert.ok(await tab.run((selector) => document.activeElement.matches(selector), where), where);
    await press(tab, "Enter");
    await nothing(`Enter in ${where}`);
  }
  assert.deepEqual([...new Set(await tab.run("window.left"))], ["/"]);
  // `a` goes to the button, and Enter on it is the second key: the one that asks the authenticator.
  await stand(null);
  await press(tab, "a");
  assert.equal(await tab.run(() => document.activeElement.id), "approve");
  await nothing("a");
  await tab.run(() => window.stay.abort());
  const signed = tab.once("Page.loadEventFired");
  await press(tab, "Enter");
  await signed;
  assert.equal(await tab.run(() => sessionStorage.getItem("asked")), "1");
  assert.deepEqual(posted.filter((path) => path.endsWith("/review")), [`/requests/${one}/review`]);

  // Without the network the page can only be read, at once; with it, it looks again first, and then what was answered is armed.
  const network = (offline) => tab.send("Network.emulateNetworkConditions", { offline, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
  const away = { disabled: true, yet: "Not yet: you are offline.", sends: false };
  const cut = async () => {
    await network(true);
    await tab.until(() => /offline/.test(document.getElementById("yet").textContent));
    const { said, ...rest } = await bar();
    assert.deepEqual(rest, away);
    assert.match(said, /^You are offline: this page can only be read\./);
  };
  /** Is connected again, and gives what the page was as long as the gate had not answered. */
  const back = async () => {
    await tab.send("Fetch.enable", { patterns: [{ urlPattern: "*/stamp*" }] });
    const looks = tab.once("Fetch.requestPaused");
    const early = tab.until(() => !document.getElementById("approve").disabled).then(() => { throw new Error("armed before it looked"); });
    await network(false);
    const { requestId } = await Promise.race([looks, early]);
    const before = await bar();
    await tab.send("Fetch.continueRequest", { requestId });
    await tab.send("Fetch.disable");
    return before;
  };
  const cutOff = update(6);
  await look(tab, gate, cutOff);
  await armed();
  await cut();
  assert.equal(await tab.run(() => document.getElementById("because").value), "checked with billing");
  // Whatever is filled in meanwhile, it stays so.
  await answer(tab, { fact: "1", because: "and with the warehouse" });
  assert.equal((await bar()).disabled, true);
  assert.deepEqual((await back()).disabled, true);
  await tab.until(() => !document.getElementById("approve").disabled);
  assert.deepEqual(await bar(), { disabled: false, yet: "", said: "", sends: true });
  assert.equal(await tab.run(() => document.getElementById("because").value), "and with the warehouse");
  // What changed meanwhile is never armed again.
  await cut();
  gate.command(["ask", cutOff, "which payment is it for?", "--as", "second"], [0, 5]);
  gate.command(["request", "answer", cutOff, "invoice 12"], [0, 5]);
  await back();
  await tab.until(() => /changed since you opened it/.test(document.getElementById("said").innerText));
  assert.equal((await bar()).disabled, true);

  assert.deepEqual(tab.problems.filter((problem) => !/ERR_INTERNET_DISCONNECTED/.test(problem)), []);
  gate.command(["audit", "verify"]);
} finally {
  await chrome.end();
  await gate.end();
}
