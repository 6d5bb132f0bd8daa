// A new passkey: made by the browser for this gate and this person, and proven by a signature of its own. It gets force only when
// other people approve that.

import { assertion } from "./authenticator.js";
import { base64url, canonical, canonicalBytes, tagged, unbase64 } from "./bytes.js";

const form = document.getElementById("add");
const data = form?.dataset ?? {};
const said = document.getElementById("said");

function say(text, next = "", bad = false) {
  const strong = document.createElement("strong");
  strong.textContent = text;
  said.replaceChildren(strong, next ? ` ${next}` : "");
  said.className = bad ? "note bad" : "note";
}

/** The line of a passkey: which key, on which credential, for which relying party. */
function line(credential) {
  const key = credential.response.getPublicKey();
  // The key of ES256 is the last 65 bytes of its SubjectPublicKeyInfo (RFC 5480): 0x04, x, y.
  if (credential.response.getPublicKeyAlgorithm() !== -7 || !key) throw Object.assign(new Error("This authenticator makes keys of a kind that no gate takes."), { next: "Use another one; security keys, phones and computers of these years make the right kind (ES256)." });
  return `webauthn-es256 ${data.relyingParty} ${base64url(key.slice(-65))} ${base64url(credential.rawId)}`;
}

async function made() {
  const user = await tagged("gatehold/user-handle/v1", canonicalBytes([data.gate, data.human]));
  return navigator.credentials.create({
    publicKey: {
      challenge: await tagged("gatehold/attest/v1", canonicalBytes([data.gate, data.human])),
      rp: { id: data.relyingParty, name: `Gatehold ${data.gate}` },
      user: { id: user, name: data.human, displayName: data.human },
      pubKeyCredParams: [{ type: "public-key", alg: -7 }],
      excludeCredentials: JSON.parse(data.known).map((id) => ({ type: "public-key", id: unbase64(id) })),
      authenticatorSelection: { userVerification: "required", residentKey: "preferred" },
      attestation: data.attestation,
      timeout: 120_000,
    },
  });
}

/** That whoever holds the new key is there, and for which gate and person it is. */
async function possession(key, credential) {
  const challenge = await tagged("gatehold/enrol/v1", canonicalBytes([data.gate, data.human, key]));
  return assertion(challenge, data.relyingParty, credential.rawId);
}

async function add() {
  say("Your browser asks twice:", "once to make the passkey, once to show that it signs.");
  const credential = await made();
  const key = line(credential);
  const { attestationObject, clientDataJSON } = credential.response;
  const proof = canonical({
    assurance: "verified",
    attestation: canonical({ attestationObject: base64url(attestationObject), clientDataJSON: base64url(clientDataJSON) }),
    human: data.human,
    key,
    possession: await possession(key, credential),
  });
  const body = new URLSearchParams({ token: form.elements.token.value, proof });
  const answer = await fetch(form.action, { method: "POST", body });
  const json = answer.headers.get("content-type")?.startsWith("application/json") ? await answer.json() : null;
  if (!answer.ok) throw Object.assign(new Error(json?.detail ?? "You are signed out, or the gate does not answer."), { next: json?.next ?? "Load this page again." });
  if (json.enrolled) {
    // Whoever came from a request goes on there.
    const request = location.hash.slice(1);
    if (/^req_[0-9a-f]{32}$/.test(request)) location.assign(`/requests/${request}`);
    else location.reload();
    return;
  }
  const file = document.getElementById("proof");
  file.href = URL.createObjectURL(new Blob([proof], { type: "application/json" }));
  // Whoever has no key yet is shown it as a text too, and what to compare.
  const shown = { "proof-text": proof, words: json.words, fingerprint: json.fingerprint };
  for (const [id, text] of Object.entries(shown)) {
    const place = document.getElementById(id);
    if (place && text) place.textContent = text;
  }
  document.getElementById("hand-over").hidden = false;
  say("The passkey is made and proven.", "It has no force yet: hand the file to somebody who asks for its enrolment.");
}

if (form && window.PublicKeyCredential) {
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    add()
      .catch((error) => {
        if (error.name === "InvalidStateError") say("This authenticator holds a passkey of this gate already.", "Use it, or another authenticator.", true);
        else if (error.name === "NotAllowedError") say("No passkey was added.", "The authenticator was not used. Try again when you are ready.");
        else say(error.message, error.next, true);
      })
      .finally(() => { button.disabled = false; });
  });
}
