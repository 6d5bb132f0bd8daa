// The inbox in a real browser: it changes by itself and nobody loses their place, a lost stream is said, keys find everything and
// none decides. Started by `tests/browser.rs` with the paths of gatehold and Chromium. It waits for what is to be seen and
// fails when that does not come.

import { Chrome, Gate } from "./chrome.mjs";
import { signIn } from "./pages.mjs";

const [program, chromium] = process.argv.slice(2);
const gate = new Gate(program);
const LONG = 30_000;

function ensure(holds, what) {
  if (!holds) throw new Error(`not so: ${what}`);
  console.log(`  ${what}`);
}

/** Waits until something is so on a page. */
async function until(page, expression, what) {
  const within = `new Promise((resolve) => {
    const end = Date.now() + ${LONG};
    const look = () => { const so = (${expression}); if (so || Date.now() > end) resolve(Boolean(so)); else requestAnimationFrame(look); };
    look();
  })`;
  ensure(await page.run(within), what);
}

const CODES = { Enter: 13, Escape: 27, ArrowDown: 40, Tab: 9 };

async function press(page, key, modifiers = 0) {
  const text = key.length === 1 && modifiers === 0 ? key : key === "Enter" ? "\r" : undefined;
  const code = CODES[key] ?? key.toUpperCase().charCodeAt(0);
  const event = { key, text, modifiers, windowsVirtualKeyCode: code };
  await page.send("Input.dispatchKeyEvent", { type: "keyDown", ...event });
  await page.send("Input.dispatchKeyEvent", { type: "keyUp", ...event });
}

async function write(page, text) {
  await page.send("Input.insertText", { text });
}

/** Presses keys that lead to another page. */
async function go(page, keys, where) {
  const loaded = page.once("Page.loadEventFired");
  for (const key of keys) await press(page, key);
  await loaded;
  const at = await page.run("location.pathname + location.search");
  ensure(at === where, `leads to ${at}`);
}

const update = (id) => gate.ask(`UPDATE orders SET status = 'retry' WHERE id = ${id}`, ["--cap", `rows=${id}`]);
const row = (id) => `document.querySelector('[data-row][data-key="${id}"]')`;
const chip = `document.getElementById("live-state")`;

async function scenes(person, page, { url }) {
  await signIn(page, gate, "reviewer");
  await until(page, `${chip}.textContent.includes("Live") && !${chip}.hidden`, "an empty inbox is live");
  ensure(await page.run(`(() => { try { trustedTypes.createPolicy("any", {}); return false; } catch { return true; } })()`), "no script may vouch for markup");

  const first = update(7);
  await until(page, `${row(first)}?.classList.contains("new") && ${row(first)}.textContent.includes("NEW")`, "what is asked for arrives, marked as new");
  await until(page, `!document.querySelector('[data-key="today"]')`, "the empty state goes");
  await until(page, `document.title.includes("1 request for you")`, "the title counts it");
  await press(page, "j");
  ensure(await page.run(`document.activeElement === ${row(first)}.querySelector("a.sentence")`), "j goes to it");
  ensure(await page.run(`!${row(first)}.classList.contains("new")`), "and it is new no more");

  await page.run(`(() => {
    ${row(first)}.untouched = true;
    const line = ${row(first)}.querySelector("time");
    getSelection().selectAllChildren(line);
    document.body.style.minHeight = "300vh";
    scrollTo(0, 40);
  })()`);
  const top = await page.run(`${row(first)}.getBoundingClientRect().top`);
  const red = gate.ask("DELETE FROM orders");
  await until(page, row(red), "something more urgent arrives above it");
  ensure(await page.run(`${row(first)}.untouched === true`), "the row that did not change is the same element");
  ensure(await page.run(`document.activeElement === ${row(first)}.querySelector("a.sentence")`), "it has the focus");
  ensure(await page.run(`getSelection().toString() === ${row(first)}.querySelector("time").textContent`), "what is selected in it stays selected");
  const moved = (await page.run(`${row(first)}.getBoundingClientRect().top`)) - top;
  ensure(Math.abs(moved) < 2, `it stands where it stood (${moved})`);

  await page.run(`getSelection().removeAllRanges()`);
  gate.command(["claim", first, "--as", "second"]);
  await until(page, `${row(first)}.textContent.includes("second@dev.gatehold.local is looking at it")`, "a claim of somebody else is seen");
  ensure(await page.run(`${row(first)}.untouched === undefined && document.activeElement === ${row(first)}.querySelector("a.sentence")`), "its row was replaced and has the focus all the same");
  await press(page, "c");
  await until(page, `${row(first)}.textContent.includes("You are looking at it")`, "c takes it over");
  ensure(await page.run(`${row(first)}.contains(document.activeElement)`), "and the focus stays in the row");
  await press(page, "c");
  await until(page, `!${row(first)}.textContent.includes("looking at it")`, "c releases it");

  await page.run(`getSelection().selectAllChildren(${row(first)}.querySelector("time"))`);
  gate.command(["claim", first, "--as", "second"]);
  const other = update(8);
  await until(page, row(other), "another one arrives");
  ensure(await page.run(`getSelection().toString().length > 0 && !${row(first)}.textContent.includes("second@")`), "a row in which text is selected waits");
  await page.run(`getSelection().removeAllRanges()`);
  await until(page, `${row(first)}.textContent.includes("second@")`, "and changes when nothing is selected any more");

  await page.run(`${row(first)}.querySelector("a.sentence").focus()`);
  gate.command(["deny", first, "--reason", "too_broad", "--as", "second"]);
  await until(page, `!${row(first)}`, "what is decided goes");
  ensure(await page.run(`document.activeElement.matches("a.sentence")`), "and the next one has the focus");

  await page.send("Network.enable");
  const cut = (offline) => page.send("Network.emulateNetworkConditions", { offline, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
  await page.run(`${chip}.dataset.now = ""`);
  await cut(true);
  // What is offline does not close what is open: the stream is asked for again.
  await page.run(`dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }))`);
  await until(page, `${chip}.textContent.includes("Not live")`, "a lost connection is said");
  const meanwhile = update(9);
  await cut(false);
  await until(page, `${chip}.textContent.includes("Live") && ${row(meanwhile)}`, "and what happened meanwhile is there when it is back");

  await press(page, "k", 2);
  await until(page, `document.getElementById("palette")?.open`, "Ctrl-K opens the palette");
  await write(page, meanwhile.slice(0, -1));
  await go(page, ["Enter"], `/requests/${meanwhile}`);
  await press(page, ":");
  await until(page, `document.getElementById("palette")?.open`, "so does :");
  await write(page, "my team");
  await go(page, ["Enter"], "/?view=team");
  await go(page, ["g", "e"], "/?view=expiring");
  await go(page, ["g", "l"], "/?view=all");
  await until(page, `!${chip}.hidden`, "every view is live");

  // Every key alone, on a list, on a request and on the overview: whatever is sent is a claim, or that somebody is there. And `?`
  // lists what does something there, no more and no less.
  const sent = [];
  const acted = new Set();
  page.hear(({ method, params }) => {
    if (method === "Network.requestWillBeSent" && params.request.method !== "GET") sent.push(new URL(params.request.url).pathname);
    if (method === "Runtime.bindingCalled" && params.name === "acted") acted.add(params.payload);
  });
  await page.send("Emulation.setFocusEmulationEnabled", { enabled: true });
  await chrome.send("Browser.grantPermissions", { permissions: ["clipboardSanitizedWrite"], browserContextId: person.context });
  await page.send("Runtime.addBinding", { name: "acted" });
  // Heard last: what a script of the page took for itself, it has said so by then.
  const { identifier } = await page.send("Page.addScriptToEvaluateOnNewDocument", { source: `addEventListener("keydown", (event) => { if (event.defaultPrevented) acted(event.key); });` });
  for (const where of ["/?view=all", `/requests/${meanwhile}`, "/overview"]) {
    acted.clear();
    for (const key of "abcdefghijklmnopqrstuvwxyz0123456789!.,;:/[]") {
      await page.open(url + where);
      await press(page, "j");
      await press(page, key);
      await press(page, "Escape");
    }
    await page.open(url + where);
    await press(page, "?");
    await until(page, `document.getElementById("keys")?.open`, "? opens the help");
    const lines = await page.run(`[...document.querySelectorAll("#keys dl > div")].filter((line) => line.checkVisibility()).map((line) => [...line.querySelectorAll("kbd")].map((key) => key.textContent))`);
    const listed = lines.flatMap((keys) => (keys[0] === "g" ? ["g"] : keys)).filter((key) => !["Enter", "Esc", "Ctrl", "K"].includes(key));
    ensure([...acted].sort().join(" ") === listed.sort().join(" "), `${where}: ? lists ${listed.join(" ")}, and what did something is ${[...acted].sort().join(" ")}`);
    if (where !== "/?view=all") continue;
    const [, ...after] = lines.find(([first]) => first === "g");
    const places = { i: "/", t: "/?view=team", e: "/?view=expiring", a: "/?view=accountable", l: "/?view=all", d: "/decided", w: "/workloads", o: "/overview", p: "/policy", k: "/keys" };
    ensure(after.join("") === Object.keys(places).join(""), "after g every place that is listed is one");
    await press(page, "Escape");
    for (const key of after) await go(page, ["g", key], places[key]);
  }
  await page.send("Page.removeScriptToEvaluateOnNewDocument", { identifier });
  await page.send("Runtime.removeBinding", { name: "acted" });

  // `h`: reminded by this browser alone, and never once the time to decide is over. Nothing of it is sent.
  const harmless = (path) => path === "/session/seen" || /^\/requests\/req_[0-9a-f]{32}\/(claim|release)$/.test(path);
  ensure(sent.length > 0 && sent.every(harmless), `no single key decides: ${[...new Set(sent)].join(" ")}`);
  sent.length = 0;
  await page.open(`${url}/?view=all`);
  await press(page, "j");
  const reminded = await page.run(`document.querySelector(".row.at").dataset.key`);
  const asked = `document.getElementById("remind")?.open`;
  await press(page, "h");
  await until(page, asked, "h asks when");
  const [offered, over] = await page.run(`[[...document.querySelectorAll("#remind .choices button")].map((button) => button.textContent), document.querySelector(".row.at time").dateTime]`);
  ensure(offered.length > 0 && offered.at(-1) === "2 min before its time is over" && !offered.includes("4 h"), `not later than it can be decided: ${offered.join(", ")}`);
  await page.run(`document.querySelector("#remind .choices button:last-child").click()`);
  await until(page, `${row(reminded)}.querySelector(".remind-at")?.textContent.includes("REMINDER SET")`, "the row says so");
  const at = await page.run(`Object.entries(localStorage).filter(([name]) => name.startsWith("remind:")).map(([, text]) => Object.values(JSON.parse(text))[0])[0]`);
  ensure(at < Date.parse(over), "before its time is over");
  // As if that time had come: whatever page is open says so, until somebody opens the request.
  await page.run(`(() => { const name = Object.keys(localStorage).find((one) => one.startsWith("remind:")); localStorage.setItem(name, JSON.stringify({ "${reminded}": 1 })); })()`);
  await page.open(`${url}/overview`);
  await until(page, `document.getElementById("reminders")?.textContent.includes("You asked to be reminded of")`, "every page reminds");
  await page.open(`${url}/requests/${reminded}`);
  await until(page, `Object.keys(localStorage).every((one) => !one.startsWith("remind:"))`, "and once it was opened no page does");
  await press(page, "h");
  await until(page, asked, "h asks on its own page too");
  await press(page, "Escape");
  ensure(sent.every((path) => path === "/session/seen"), `nobody else is told: ${sent.join(" ")}`);
  // Who can approve it, and back.
  await page.leave(`document.querySelector("a[href$='/deciders']").click()`);
  const seats = await page.run(`document.querySelector("main").innerText`);
  ensure(/people needed, of these:/.test(seats) && /MAY APPROVE/.test(seats) && /No schedule is kept: everybody with a seat is told at once/.test(seats), `who can approve: ${seats}`);
  await go(page, ["u"], `/requests/${reminded}`);

  // On a request: what there is to look at, and the requests beside it in the list that it was opened from.
  await page.open(`${url}/?view=all`);
  const all = await page.run(`[...document.querySelectorAll("[data-row]")].map((row) => row.dataset.key)`);
  ensure(all.length > 2, `${all.length} are held`);
  await press(page, "j");
  await go(page, ["o"], `/requests/${all[0]}`);
  const beside = `JSON.stringify([document.activeElement.closest(".block")?.className ?? document.activeElement.id, document.activeElement.getBoundingClientRect().top < innerHeight])`;
  for (const [key, place] of [["r", "block exact"], ["b", "base"], ["i", "who"]]) {
    await press(page, key);
    ensure((await page.run(beside)) === JSON.stringify([place, true]), `${key} goes to ${place}`);
  }
  await go(page, ["]"], `/requests/${all[1]}`);
  await go(page, ["]"], `/requests/${all[2]}`);
  await go(page, ["["], `/requests/${all[1]}`);
  await page.open(`${url}/requests/${all[0]}`);
  await press(page, "[");
  ensure((await page.run("location.pathname")) === `/requests/${all[0]}`, "before the first there is none");
  ensure(sent.every(harmless), `no single key decides: ${[...new Set(sent)].join(" ")}`);
  const state = JSON.parse(gate.command(["inbox", "--as", "reviewer", "-o", "json"])).items.map((item) => item.request);
  ensure(state.includes(meanwhile) && state.includes(red), "what was held is held");

  await page.open(`${url}/?view=all`);
  await until(page, `${chip}.textContent.includes("Live")`, "live again");

  // Several at once: selected with x, listed once more, denied each by a call of its own.
  const [one, two] = [update(11), update(12)];
  await until(page, `${row(one)} && ${row(two)}`, "two more arrive");
  for (const id of [one, two, red]) {
    await page.run(`(() => { const row = ${row(id)}; const stack = row.closest("details"); if (stack) stack.open = true; row.querySelector("a.sentence").focus(); })()`);
    await press(page, "x");
    await until(page, `${row(id)}.classList.contains("picked") && ${row(id)}.querySelector(".pick input").checked`, "x selects");
  }
  await press(page, "x");
  await until(page, `document.querySelector("#selection strong").textContent === "2 selected"`, "and no longer");
  sent.length = 0;
  const posted = () => sent.filter((path) => path !== "/session/seen");
  const actions = await page.run(`[...document.querySelectorAll("#selection button")].map((button) => button.textContent)`);
  ensure(actions.join() === "Deny…,Claim,Escalate…,Clear", `nothing approves: ${actions}`);
  await page.run(`document.querySelector("#selection button").click()`);
  const listed = await page.run(`[...document.querySelectorAll("#together li")].map((line) => line.textContent)`);
  ensure(listed.length === 2 && listed.every((line) => line.includes("RED")), `what is denied is listed: ${listed.join(" | ")}`);
  await page.run(`document.querySelector("#together .primary").click()`);
  ensure(posted().length === 0 && await page.run(`document.getElementById("together").open`), "nothing is sent without a reason");
  await page.run(`document.querySelector("#together select").value = "too_broad"; document.querySelector("#together .primary").click()`);
  await until(page, `!${row(one)} && !${row(two)} && ${row(red)}`, "both go, and no other");
  ensure(posted().join() === `/requests/${one}/act,/requests/${two}/act`, `one call for each: ${sent}`);
  ensure(await page.run(`document.querySelector("#selection .result").textContent === "2 of 2 denied."`), "and it is said");
  for (const id of [one, two]) ensure(gate.status(id).state === "denied", "it is denied");

  await page.run(`fetch("/session/end", { method: "POST", body: new URLSearchParams(new FormData(document.getElementById("seen"))) }).then(() => {})`);
  await until(page, `${chip}.textContent.includes("Signed out")`, "the end of the session is said");
}

await gate.start();
const chrome = new Chrome(chromium, gate.scratch);
let problems = [];
try {
  const person = await chrome.person();
  const page = await person.tab();
  problems = page.problems;
  await scenes(person, page, gate);
} finally {
  await chrome.end();
  await gate.end();
}
const expected = /ERR_INTERNET_DISCONNECTED|ERR_INCOMPLETE_CHUNKED|TrustedTypePolicy named 'any'|status of 40\d/;
const real = problems.filter((problem) => !expected.test(problem));
if (real.length > 0) {
  console.error(real.join("\n"));
  process.exit(1);
}
