// Assertions of a real browser: 200 challenges on a page of a gate, each signed by a simulated authenticator, half of them of one
// that counts and half of one that is synchronised. Prints the key's line and then challenge and assertion, line by line.

import { Chrome, Gate } from "./chrome.mjs";

const [program, chromium] = process.argv.slice(2);
const gate = new Gate(program);
await gate.start();
const chrome = new Chrome(chromium, gate.scratch);
try {
  const tab = await (await chrome.person()).tab();
  await tab.open(`${gate.url}/sign-in`);
  await tab.brings("bytes.js");
  for (const backup of [false, true]) {
    const authenticatorId = await tab.authenticator({ defaultBackupEligibility: backup, defaultBackupState: backup });
    const lines = await tab.run(async () => {
      const { base64url, canonical } = await import("/static/bytes.js");
      const random = (length) => crypto.getRandomValues(new Uint8Array(length));
      const made = await navigator.credentials.create({
        publicKey: {
          challenge: random(32), rp: { id: "localhost", name: "test" }, user: { id: random(16), name: "test", displayName: "test" },
          pubKeyCredParams: [{ type: "public-key", alg: -7 }], authenticatorSelection: { userVerification: "required" },
        },
      });
      const found = [`webauthn-es256 localhost ${base64url(made.response.getPublicKey().slice(-65))} ${base64url(made.rawId)}`];
      for (let number = 0; number < 100; number += 1) {
        const challenge = random(32);
        const { response } = await navigator.credentials.get({
          publicKey: { challenge, rpId: "localhost", allowCredentials: [{ type: "public-key", id: made.rawId }], userVerification: "required" },
        });
        found.push(base64url(challenge), canonical({
          authenticatorData: base64url(response.authenticatorData), clientDataJSON: base64url(response.clientDataJSON), signature: base64url(response.signature),
        }));
      }
      return found;
    });
    console.log(`${gate.url}\n${lines.join("\n")}`);
    await tab.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId });
  }
} finally {
  await chrome.end();
  await gate.end();
}
