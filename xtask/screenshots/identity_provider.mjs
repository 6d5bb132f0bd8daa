// Signing in through a real identity provider (npm oidc-provider, the one of crates/gatehold/tests/openid.rs) in a real browser:
// the pages on the way, and that the way works with the browser's own cookies, policies and Sec-Fetch headers.

import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { freePort } from "../../crates/gatehold/tests/browser/chrome.mjs";
import { SECRET, started } from "../../crates/gatehold/tests/browser/processes.mjs";

const PACKAGES = resolve(import.meta.dirname, "../../target/identity-provider");
const PROVIDER = resolve(import.meta.dirname, "../../crates/gatehold/tests/identity_provider/provider.mjs");

/** A gate of three people whom a provider vouches for, served, and the provider. */
async function gate(gatehold, cwd) {
  if (!existsSync(join(PACKAGES, "node_modules/oidc-provider"))) throw new Error("oidc-provider is missing: run `cargo xtask packages`");
  const options = { cwd, env: { ...process.env, GATEHOLD_HOME: join(cwd, "home"), NO_COLOR: "1" }, stdio: ["ignore", "pipe", "ignore"] };
  const [port, providers] = [await freePort(), await freePort()];
  const [url, issuer] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${providers}`];
  const run = (program, words) => execFileSync(program, words, { ...options, stdio: "pipe" });
  const people = ["ann", "bob", "cem"];
  for (const name of people) run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", name]);
  const humans = people.flatMap((name) => ["--human", `${name}@${issuer}=${name}.pub`]);
  run(gatehold, ["init", "new", "gate", "--origin", "dev.acme.example", ...humans]);
  for (const name of people) run(gatehold, ["init", "sign", "gate", "--key", name]);
  run(gatehold, ["init", "finish", "gate"]);
  const config = join(cwd, "gate/gatehold.toml");
  writeFileSync(config, readFileSync(config, "utf8").replaceAll("127.0.0.1:7400", `127.0.0.1:${port}`));
  appendFileSync(config, `\n[identity_provider]\nissuer = "${issuer}"\nclient_id = "gatehold"\nclient_secret_file = "client.secret"\n`);
  writeFileSync(join(cwd, "gate/client.secret"), SECRET);
  const serving = await started(gatehold, ["serve", "--config", config], "gatehold serves", options);
  const provider = await started(process.execPath, [PROVIDER, PACKAGES, `${providers}`, url, "RS256", "client_secret_basic"], "ready", options);
  return { url, issuer, children: [serving, provider] };
}

/** From our link through the provider's pages, as this person; ends wherever the gate leads. */
async function through(page, { url, issuer }, subject) {
  await page.open(`${url}/sign-in`);
  // Its own pages ask for fonts elsewhere; what they log is not ours.
  await page.send("Log.disable");
  await page.leave(`document.querySelector("a.primary").click()`);
  for (let step = 0; step < 4 && (await page.run("location.origin")) === issuer; step += 1) {
    await page.leave(`(() => {
      const login = document.querySelector("input[name=login]");
      if (login) { login.value = ${JSON.stringify(subject)}; document.querySelector("input[name=password]").value = "x"; }
      document.querySelector("form button, form input[type=submit]").click();
    })()`);
  }
  await page.send("Log.clear");
  await page.send("Log.enable");
}

export async function identityProvider(gatehold, page, picture) {
  const scratch = mkdtempSync(join(tmpdir(), "gatehold-provided-"));
  const provided = await gate(gatehold, scratch);
  try {
    await page.open(provided.url);
    await picture(page, "sign-in-provider");
    await through(page, provided, "mallory");
    await picture(page, "not-enrolled");
    // Somebody else's link.
    await page.open(`${provided.url}/sign-in/callback?state=theirs&code=theirs&iss=${encodeURIComponent(provided.issuer)}`);
    await picture(page, "sign-in-refused");
    await page.send("Network.clearBrowserCookies");
    await through(page, provided, "ann");
    const seen = await page.run("location.pathname + document.querySelector('.who .human')?.textContent");
    if (seen !== `/ann@${provided.issuer}`) throw new Error(`ann did not sign in: ${seen}`);
    await picture(page, "inbox-provider");
  } finally {
    for (const child of provided.children) {
      child.kill("SIGTERM");
      await new Promise((ended) => child.once("exit", ended));
    }
    rmSync(scratch, { recursive: true, force: true });
  }
}
