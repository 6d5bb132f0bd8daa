// Somebody who has no key and no terminal: they sign in at a real identity provider, make their first passkey on the page that says
// they are not enrolled, hand the proof over, and are let in once others have signed. Started by `tests/first_passkey.rs` with the
// paths of gatehold and Chromium, the provider's packages and its program.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Chrome, freePort, removed } from "./chrome.mjs";
import { signInElsewhere } from "./pages.mjs";
import { ended, SECRET, started } from "./processes.mjs";

const [program, chromium, packages, providing] = process.argv.slice(2);
const FOUNDERS = ["ann", "bob", "cem"];
const scratch = mkdtempSync(join(tmpdir(), "gatehold-first-passkey-"));
const home = join(scratch, "home");
const environment = { ...process.env, HOME: scratch, XDG_CONFIG_HOME: scratch, GATEHOLD_HOME: home, NO_COLOR: "1" };

const gatehold = (words, codes = [0]) => {
  try {
    return execFileSync(program, words, { cwd: scratch, env: environment, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    if (codes.includes(error.status)) return error.stdout;
    throw new Error(`gatehold ${words.join(" ")}: exit ${error.status}: ${error.stderr}`);
  }
};

/** Somebody at a terminal, who types the word that is asked for: real keys sign nowhere else. */
const SIGNER = `
import os, pty, re, sys
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
screen, unread = "", ""
while True:
    try:
        piece = os.read(terminal, 4096).decode(errors="replace")
    except OSError:
        break
    if not piece:
        break
    screen += piece
    unread += piece
    asked = re.search(r"type .(\\w+). to sign[^>]*> $", unread)
    if asked:
        unread = ""
        os.write(terminal, (asked.group(1) + "\\n").encode())
print(screen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
`;
const atTerminal = (words) => {
  execFileSync("python3", ["-c", SIGNER, program, ...words], { cwd: scratch, env: environment, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
};

/** A gate of three people with keys in files, at a name where passkeys sign. */
function found(url, issuer) {
  const people = FOUNDERS.flatMap((name) => {
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(scratch, name)]);
    return ["--human", `${name}@${issuer}=${name}.pub`];
  });
  gatehold(["init", "new", "gate", "--origin", "dev.acme.example", "--console", url, ...people]);
  for (const name of FOUNDERS) gatehold(["init", "sign", "gate", "--key", name]);
  gatehold(["init", "finish", "gate"]);
  const port = new URL(url).port;
  const config = join(scratch, "gate/gatehold.toml");
  const text = readFileSync(config, "utf8")
    .replaceAll("http://127.0.0.1:7400", url)
    .replaceAll("127.0.0.1:7400", `127.0.0.1:${port}`);
  writeFileSync(config, `${text}\n[identity_provider]\nissuer = "${issuer}"\nclient_id = "gatehold"\nclient_secret_file = "client.secret"\n`);
  writeFileSync(join(scratch, "gate/client.secret"), SECRET);
  mkdirSync(home);
  const profiles = FOUNDERS.map((name) => `[people.${name}]\nhuman = "${name}@${issuer}"\nkey_file = "${join(scratch, name)}"\n`);
  writeFileSync(join(home, "client.toml"), `url = "${url}"\norigin = "dev.acme.example"\nperson = "ann"\n${profiles.join("")}`);
}

/** `yes` to every criterion, and on red what stands on the page. */
function answers(id, person) {
  const { view, envelope } = JSON.parse(gatehold(["show", id, "--as", person, "-o", "json"]));
  const all = view.criteria.map((criterion) => `${criterion.id}=yes`);
  if (view.tier.tier === "red") all.push(`fact.resource=${envelope.resource}`, `fact.target=${envelope.target}`);
  return all.join(",");
}

let chrome;
let provider;
let gate;
try {
  const [port, providers] = await Promise.all([freePort(), freePort()]);
  const url = `http://localhost:${port}`;
  const issuer = `http://127.0.0.1:${providers}`;
  found(url, issuer);
  provider = await started("node", [providing, packages, String(providers), url, "RS256", "client_secret_basic"], "ready", { cwd: scratch, env: environment });
  gate = await started(program, ["serve", "--config", "gate/gatehold.toml"], "gatehold serves", { cwd: scratch, env: environment });
  chrome = new Chrome(chromium, scratch);
  const tab = await (await chrome.person()).tab();

  await signInElsewhere(tab, { url }, "eve");
  const page = await tab.run("document.querySelector('main').innerText");
  assert.match(page, /You have no key here/);
  assert.ok(page.includes(`eve@${issuer}`), page);
  // It opens nothing else.
  assert.equal(await tab.run(async () => (await fetch("/", { redirect: "manual" })).type), "opaqueredirect");

  await tab.authenticator();
  await tab.run(() => document.querySelector("#add button").click());
  await tab.until(() => !document.getElementById("hand-over").hidden);
  const made = await tab.run(() => ({
    proof: document.getElementById("proof-text").value,
    words: document.getElementById("words").textContent,
    fingerprint: document.getElementById("fingerprint").textContent,
  }));
  assert.match(made.words, /^[a-z]+( [a-z]+){7}$/);
  assert.equal(JSON.parse(made.proof).human, `eve@${issuer}`);

  // Handed over: one asks, two sign, and each sees the same words.
  writeFileSync(join(scratch, "passkey.proof"), made.proof);
  for (const person of FOUNDERS) gatehold(["login", "--as", person]);
  gatehold(["human", "enrol", "passkey.proof", "--reason", "the first passkey of eve", "--as", "ann"], [0, 5]);
  const id = gatehold(["inbox", "--as", "bob", "-o", "id"]).trim();
  for (const person of ["bob", "cem"]) {
    const shown = gatehold(["show", id, "--as", person]).replaceAll(/\s+/g, " ");
    assert.ok(shown.includes(made.words) && shown.includes(made.fingerprint), shown);
    atTerminal(["approve", id, "--as", person, "--because", "they came by", "--criteria", answers(id, person)]);
  }

  await signInElsewhere(tab, { url }, "eve");
  assert.equal(await tab.run("location.pathname"), "/");
  await tab.open(`${url}/keys`);
  const keys = await tab.run("document.querySelector('main').innerText");
  assert.ok(keys.includes("signs on this page") && keys.includes(made.fingerprint), keys);
  // The pages of the provider are its own.
  const ours = (problem) => !problem.includes(issuer) && !problem.includes("fonts.googleapis.com") && !problem.includes("403");
  assert.deepEqual(tab.problems.filter(ours), []);
} finally {
  await chrome?.end();
  await ended(gate);
  await ended(provider);
  removed(scratch);
}
