// Whatever fetches links ahead, previews them or opens each in a tab: it changes nothing (threat B10). Every kind of page, as a
// reviewer and as an owner, in a real browser: all that a page leads to is fetched, and every page among it opened with its scripts,
// until nothing new is found. Started by `tests/browser.rs` with the paths of gatehold and Chromium.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { Chrome, Gate } from "./chrome.mjs";
import { addPasskey, be, signIn } from "./pages.mjs";

const [program, chromium] = process.argv.slice(2);
const reference = readFileSync(join(import.meta.dirname, "../../../../docs/reference/console.md"), "utf8");
const gate = new Gate(program);
await gate.start();
const chrome = new Chrome(chromium, gate.scratch);

/** What nothing of this may change: the ledger, and what each person and the requester are told. */
function standing(requests) {
  const leaves = gate.command(["audit", "verify"]).match(/(\d+) leaves/)?.[1];
  assert.ok(leaves !== undefined);
  const inboxes = ["reviewer", "second", "owner"].map((person) => JSON.parse(gate.command(["inbox", "--as", person, "-o", "json"])).items.map((item) => item.request));
  return { leaves, inboxes, states: requests.map((id) => JSON.parse(gate.command(["request", "show", id, "-o", "json"], [0, 3, 4, 5])).state) };
}

/** A path as the reference writes it. */
const kind = (address) => new URL(address).pathname.replace(/(req|tsk)_[0-9a-f]+/, "{id}").replace(/^\/static\/.*/, "/static/{name}");

/** Follows everything that there is to follow, from here on; gives the kinds of what was fetched. */
async function follow(tab, starts) {
  const queue = starts.map((path) => `${gate.url}${path}`);
  const known = new Set(queue);
  const kinds = new Set();
  let opened = 0;
  while (queue.length > 0) {
    const page = queue.shift();
    await tab.open(page);
    kinds.add(kind(page));
    opened += 1;
    // Not what a script may ask for later: what stands on the page, with all that is unfolded.
    const found = await tab.run(async (seen) => {
      const attributes = ["href", "src", "action", "formaction", "poster", "cite", "data"];
      const all = attributes.flatMap((name) => [...document.querySelectorAll(`[${name}]`)]
        .filter((one) => name !== "action" || one.method === "get")
        .map((one) => new URL(one.getAttribute(name), location.href)));
      const own = all.filter((address) => address.origin === location.origin).map((address) => { address.hash = ""; return address.href; });
      const fresh = [...new Set(own)].filter((address) => !seen.includes(address));
      const told = [];
      for (const address of fresh) {
        const answer = await fetch(address);
        await answer.arrayBuffer();
        told.push([address, answer.status, answer.headers.get("content-type")]);
      }
      return told;
    }, [...known]);
    for (const [address, status, type] of found) {
      known.add(address);
      kinds.add(kind(address));
      assert.ok(status < 500, `${address}: ${status}`);
      if (type.startsWith("text/html") && status === 200) queue.push(address);
    }
    assert.ok(known.size < 500, `there is no end of links: ${[...known].slice(-10).join(" ")}`);
  }
  assert.ok(opened > 8, `${opened} pages`);
  return kinds;
}

try {
  const tab = await (await chrome.person()).tab();
  await tab.send("Emulation.setFocusEmulationEnabled", { enabled: true });
  await tab.authenticator();
  await signIn(tab, gate, "reviewer");
  await addPasskey(tab, gate);
  // One of each: held, claimed, asked about, denied, approved and not used, used.
  const ask = (number) => gate.ask(`UPDATE orders SET status = 'retry' WHERE id = ${number}`, ["--cap", "rows=1", "--reason", "see https://evil.example/ and <a href=/requests/x>this</a>"]);
  const [held, claimed, asked, denied, usable, used] = [1, 2, 3, 4, 5, 6].map(ask);
  gate.command(["claim", claimed, "--as", "second"]);
  gate.command(["ask", asked, "which order?", "--as", "second"], [0, 5]);
  gate.command(["deny", denied, "--reason", "duplicate", "--as", "second"]);
  for (const id of [usable, used]) {
    for (const person of ["reviewer", "second"]) gate.command(["approve", id, "--as", person, "--because", "checked", "--criteria", gate.answers(id, person)]);
  }
  gate.command(["request", "redeem", used]);
  const requests = [held, claimed, asked, denied, usable, used];
  const before = standing(requests);

  // What fetches ahead says so; a page may not, so the browser does for all of it.
  await tab.send("Network.setExtraHTTPHeaders", { headers: { "Sec-Purpose": "prefetch;prerender", Purpose: "prefetch" } });
  const posted = [];
  tab.hear(({ method, params }) => {
    if (method === "Network.requestWillBeSent" && !["GET", "HEAD"].includes(params.request.method)) posted.push(`${params.request.method} ${kind(params.request.url)}`);
  });
  const starts = ["/", "/?view=all", "/decided?all=true", "/workloads?all=true", "/break-glass", "/find?q=req_", ...requests.map((id) => `/requests/${id}`)];
  const kinds = await follow(tab, starts);
  // A page that is opened asks what would be signed: that is read, and good for one signature of a passkey at most.
  assert.deepEqual([...new Set(posted)], ["POST /requests/{id}/open"]);
  assert.deepEqual(standing(requests), before);

  await tab.send("Network.setExtraHTTPHeaders", { headers: {} });
  await be(tab, "owner");
  posted.length = 0;
  await tab.send("Network.setExtraHTTPHeaders", { headers: { "Sec-Purpose": "prefetch;prerender", Purpose: "prefetch" } });
  for (const one of await follow(tab, starts)) kinds.add(one);
  assert.deepEqual(posted, [], "an owner has nothing to open");
  // Signed out, every link leads to where one signs in.
  await tab.send("Network.clearBrowserCookies");
  await tab.open(`${gate.url}/requests/${held}`);
  assert.equal(await tab.run("location.pathname"), "/sign-in");
  kinds.add("/sign-in");
  assert.deepEqual(standing(requests), before);

  // Every kind of page that the reference lists was among them. The rest asks for something that no link of a page has.
  const paths = [...reference.matchAll(/^\| `GET (\S+)` \|/gm)].map(([, path]) => path);
  const left = paths.filter((path) => !kinds.has(path));
  assert.deepEqual(left.sort(), ["/events", "/requests/{id}/stamp", "/sign-in/callback", "/sign-in/start"]);
} finally {
  await chrome.end();
  await gate.end();
}
