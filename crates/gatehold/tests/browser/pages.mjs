// What a person does on the pages of the console, as they would: by what is on the page.

/** Signs in with the code that the terminal printed, as one of the generated people. */
export async function signIn(tab, gate, person) {
  await tab.open(`${gate.url}/sign-in`);
  await tab.leave((code, who) => {
    document.getElementById("code").value = code;
    document.querySelector(`input[name=person][value^="${who}@"]`).checked = true;
    document.querySelector("form[action='/sign-in'] button").click();
  }, gate.code, person);
}

/** Signs in at the identity provider, on whatever pages of its own it asks something on. */
export async function signInElsewhere(tab, gate, name) {
  await tab.open(`${gate.url}/sign-in`);
  await tab.leave(() => document.querySelector("a[href^='/sign-in/start']").click());
  while ((await tab.run("location.origin")) !== gate.url) {
    await tab.leave((login) => {
      const field = document.querySelector("input[name=login]");
      if (field) {
        field.value = login;
        document.querySelector("input[name=password]").value = "anything";
      }
      document.querySelector("form [type=submit]").click();
    }, name);
  }
}

/** Is somebody else of the development gate, by the menu of the page. */
export const be = (tab, person) => tab.leave((who) => {
  document.querySelector(`form[action='/session/person'] button[value^="${who}@"]`).click();
}, person);

/** Makes a passkey on the page of keys. */
export async function addPasskey(tab, gate) {
  await tab.open(`${gate.url}/keys`);
  await tab.leave(() => document.querySelector("#add button").click());
}

/** Opens a request and waits until its module has opened it for review. */
export async function look(tab, gate, id) {
  await tab.open(`${gate.url}/requests/${id}`);
  await tab.until(() => !document.getElementById("opened").hidden);
}

/** Reads and answers everything in the affirmative. `fact` answers how many it may touch at most; which resource or target stands on
 *  the page. `wrong` answers whatever is asked with what does not stand there. */
export async function answer(tab, { fact, wrong, because = "checked with billing" }) {
  await tab.run((typed, other, why) => {
    for (const radio of document.querySelectorAll("#criteria input[value=yes]")) radio.click();
    const field = document.getElementById("fact");
    const [resource, target] = [...document.querySelectorAll("#signed .exact-action h2 .aside bdi")].map((one) => one.textContent);
    if (field) field.value = other ?? { "fact.resource": resource, "fact.target": target }[field.dataset.fact] ?? typed;
    const reason = document.getElementById("because");
    reason.value = why;
    reason.dispatchEvent(new Event("input", { bubbles: true }));
    document.querySelector(".exact-action .end").scrollIntoView();
  }, fact, wrong ?? null, because);
}

/** Presses the button once it is armed; the page that comes after says what became of it. */
export async function approve(tab) {
  await tab.until(() => !document.getElementById("approve").disabled);
  await tab.leave(() => document.getElementById("approve").click());
}

/** Presses the button once it is armed, where nothing is to come of it; gives what the page says. */
export async function approveInVain(tab) {
  await tab.until(() => !document.getElementById("approve").disabled);
  await tab.run(() => document.getElementById("approve").click());
  await tab.until(() => document.getElementById("said").className.includes("note"));
  return tab.run(() => document.getElementById("said").innerText);
}

/** Fills in and sends one of the answers that a session may give. */
export async function act(tab, name, { reason, text } = {}) {
  await tab.leave((which, why, words) => {
    const form = document.querySelector(`#act-${which} form`);
    form.closest("details").open = true;
    if (why) form.elements.reason.value = why;
    if (words) form.elements.text.value = words;
    form.querySelector("button").click();
  }, name, reason, text);
}

/** The state that a request's page names first. */
export const state = (tab) => tab.run(() => document.querySelector(".strip .chip").lastChild.textContent.trim());

/** Keys that are no letters: their number, and the text that they write. */
const KEYS = {
  Backspace: [8], Tab: [9], Enter: [13, "\r"], Escape: [27], " ": [32, " "], PageUp: [33], PageDown: [34], End: [35], Home: [36],
  ArrowLeft: [37], ArrowUp: [38], ArrowRight: [39], ArrowDown: [40], Insert: [45], Delete: [46],
};

/** Presses one key and lets it go. */
export async function press(tab, key) {
  const [windowsVirtualKeyCode, text] = KEYS[key] ?? (key.length === 1 ? [key.toUpperCase().charCodeAt(0), key] : [111 + Number(key.slice(1))]);
  await tab.send("Input.dispatchKeyEvent", { type: "keyDown", key, text, windowsVirtualKeyCode });
  await tab.send("Input.dispatchKeyEvent", { type: "keyUp", key, windowsVirtualKeyCode });
}

/** Every key of a keyboard that means something alone, with and without Shift. */
export const EVERY_KEY = [
  ...Array.from({ length: 95 }, (_, number) => String.fromCharCode(32 + number)),
  ...Object.keys(KEYS).filter((key) => key !== " "), ...Array.from({ length: 12 }, (_, number) => `F${number + 1}`),
];
