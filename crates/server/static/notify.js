// Has this browser told that something waits, or no more. A browser that cannot be told is offered nothing. Which browser of the list
// is this one, it knows by the hash of the address that its push service gave it.

import { base64url, bytesOf, hex, unbase64 } from "./bytes.js";

const WORKER = "/static/worker.js";
const part = document.getElementById("notify");
const said = document.getElementById("notify-said");
const form = document.getElementById("notify-here");

function say(text, next = "", bad = false) {
  const strong = document.createElement("strong");
  strong.textContent = text;
  said.replaceChildren(strong, next ? ` ${next}` : "");
  said.className = bad ? "note bad" : "note";
}

const able = () => "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;

/** The one script that may run without a page, by its own name: nothing that a page holds gets there. */
function address() {
  if (!window.trustedTypes) return WORKER;
  const policy = window.trustedTypes.createPolicy("push-worker", { createScriptURL: () => WORKER });
  return policy.createScriptURL("");
}

/** Registered, and able to be told: no page is under it, so it is waited for here. */
async function registered() {
  const registration = await navigator.serviceWorker.register(address(), { scope: "/static/", updateViaCache: "none" });
  const worker = registration.active ?? registration.waiting ?? registration.installing;
  if (worker.state !== "activated") {
    await new Promise((resolve, reject) => worker.addEventListener("statechange", () => {
      if (worker.state === "activated") resolve();
      if (worker.state === "redundant") reject(new Error("This browser did not take what shows notifications."));
    }));
  }
  return registration;
}

const idOf = async (endpoint) => hex(await crypto.subtle.digest("SHA-256", bytesOf(endpoint)));

/** What this browser is told by now, if it is. */
async function subscription() {
  const registration = await navigator.serviceWorker.getRegistration("/static/");
  return registration?.pushManager.getSubscription() ?? null;
}

/** Whether it was made for the key that the gate has now. */
const isCurrent = (made) => made.options.applicationServerKey && base64url(made.options.applicationServerKey) === part.dataset.key;

async function subscribe() {
  if (await Notification.requestPermission() !== "granted") {
    say("This browser shows no notifications of this page.", "Allow them in its settings for this site, then try again.");
    return;
  }
  const { pushManager } = await registered();
  const before = await pushManager.getSubscription();
  if (before && !isCurrent(before)) await before.unsubscribe();
  const made = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: unbase64(part.dataset.key) });
  const { endpoint, keys } = made.toJSON();
  const body = new URLSearchParams({ token: form.elements.token.value, endpoint, p256dh: keys.p256dh, auth: keys.auth });
  const answer = await fetch(form.action, { method: "POST", body });
  if (!answer.ok) {
    await made.unsubscribe();
    const isJson = answer.headers.get("content-type")?.includes("json");
    const problem = isJson ? await answer.json() : {};
    throw Object.assign(new Error(problem.detail || "You are signed out, or the gate does not answer."), { next: problem.next ?? "Load this page again." });
  }
  location.reload();
}

/** Says which of the list this browser is, and has it forget as well when it is ended. */
async function mark() {
  const made = await subscription();
  const own = made && isCurrent(made) ? document.getElementById(`browser-${await idOf(made.endpoint)}`) : null;
  form.hidden = own !== null;
  if (!own) return;
  own.querySelector(".here").hidden = false;
  const end = own.querySelector("form");
  end.querySelector("button").textContent = "Stop on this browser";
  end.addEventListener("submit", (event) => {
    event.preventDefault();
    made.unsubscribe().catch(() => {}).finally(() => end.submit());
  });
}

if (part && able()) {
  part.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    subscribe()
      .catch((error) => {
        if (error.name === "AbortError") say("The push service of this browser cannot be reached.", "Try again later, or from another network.", true);
        else if (error.name === "NotAllowedError") say("This browser does not allow it.", "Private windows and some settings forbid notifications.", true);
        else say(error.message, error.next, true);
      })
      .finally(() => { button.disabled = false; });
  });
  mark().catch(() => { form.hidden = false; });
}
