// The page of a decided request: `v` opens what takes its grant away, printing shows the whole record, and a correction is signed
// by the person's passkey. No key here does anything by itself: each opens a form and stands on its button.

import { assertion } from "./authenticator.js";
import { base64, canonicalBytes, hex, named, tagged, unbase64 } from "./bytes.js";

const CORRECTION = "gatehold/correction/v1";
const form = document.getElementById("correction");
const said = document.getElementById("said");

/** Everything that is collapsed is printed. */
let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details.says:not([open]), .says details:not([open])")];
  for (const one of closed) one.open = true;
});
addEventListener("afterprint", () => {
  for (const one of closed) one.open = false;
});

/** What may still become of it is asked for while somebody looks and writes nothing here; once it is otherwise, the page is loaded again. */
const { unfinished } = document.querySelector("[data-unfinished]")?.dataset ?? {};
// Whoever goes elsewhere meanwhile is not kept here by it.
let leaving = false;
addEventListener("beforeunload", () => { leaving = true; });
async function look() {
  if (document.visibilityState !== "visible" || document.querySelector("details.safe[open]")) return;
  const answer = await fetch(`${location.pathname}/stamp`, { headers: { accept: "application/json" } }).catch(() => null);
  const changed = answer?.ok && (await answer.json()).stamp !== unfinished;
  if (changed && !leaving) location.reload();
}
if (unfinished) setInterval(look, 2_000);

function say(text, next = "", bad = false) {
  const strong = document.createElement("strong");
  strong.textContent = text;
  said.replaceChildren(strong, next ? ` ${next}` : "");
  said.className = bad ? "note bad" : "note";
}

/** Signs exactly what stands in the form, and hands it in. */
async function correct() {
  const { gate, request, human, relyingParty, now } = form.dataset;
  const { leaf, text, key, token } = form.elements;
  const chosen = leaf.selectedOptions[0];
  const words = { salt: hex(crypto.getRandomValues(new Uint8Array(32))), text: text.value.trim() };
  if (words.text === "") throw new Error("Say what was wrong.");
  const option = key.selectedOptions?.[0] ?? key;
  const statement = canonicalBytes({
    type: CORRECTION,
    gate,
    request,
    leaf: Number(chosen.value),
    commitment: chosen.dataset.commitment,
    text_hash: named(await tagged("gatehold/correction-text/v1", canonicalBytes(words))),
    human,
    key: key.value,
    issued_at: Number(now) + Math.round(performance.now()),
  });
  const signature = await assertion(await tagged(CORRECTION, statement), relyingParty, unbase64(option.dataset.credential));
  const correction = JSON.stringify({ statement: base64(statement), signature, ...words });
  const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams({ token: token.value, correction }) });
  const json = answer.headers.get("content-type")?.startsWith("application/json") ? await answer.json() : null;
  if (!answer.ok || !json) throw Object.assign(new Error(json?.detail ?? "You are signed out, or the gate does not answer."), { next: json?.next ?? "Load this page again." });
  location.reload();
}

if (form?.elements.key?.value && window.PublicKeyCredential) {
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    correct()
      .catch((error) => {
        if (error.name === "NotAllowedError") say("Nothing was signed.", "Your passkey was not used. Try again when you are ready.");
        else say(error.message, error.next, true);
      })
      .finally(() => { button.disabled = false; });
  });
}
