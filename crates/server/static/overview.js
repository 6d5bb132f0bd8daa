// Keeps the numbers of the overview as they are now: the page is asked for again while somebody looks, read by the browser into a
// document that runs nothing, and what differs takes the place of what was. No markup is made here.

const EVERY = 15_000;

function page() {
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    call.open("GET", location.pathname);
    call.responseType = "document";
    call.timeout = EVERY;
    call.onload = () => resolve(call);
    call.onerror = call.ontimeout = reject;
    call.send();
  });
}

function old(why) {
  const line = document.getElementById("as-of");
  if (!line.dataset.old) line.append(` · ${why}`);
  line.dataset.old = "true";
}

async function refresh() {
  if (document.visibilityState !== "visible" || document.querySelector("#numbers details[open]")) return;
  const answer = await page();
  if (new URL(answer.responseURL).pathname === "/sign-in") {
    clearInterval(timer);
    old("you are signed out: this is old");
    return;
  }
  if (answer.status !== 200) throw new Error(`answered ${answer.status}`);
  for (const id of ["as-of", "numbers"]) {
    const fresh = answer.response.getElementById(id);
    if (fresh) document.getElementById(id).replaceWith(document.adoptNode(fresh));
  }
}

const timer = setInterval(() => refresh().catch(() => old("the gate does not answer: this may be old")), EVERY);
