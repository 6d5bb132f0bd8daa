// Says that the person is there, at most every four minutes and only when they did something: reading a page, or leaving it
// open, keeps nobody signed in.

const EVERY = 4 * 60 * 1000;
const form = document.getElementById("seen");
let last = Date.now() - Number(form?.dataset.ago ?? 0) * 1000;

async function seen() {
  if (!form || document.prerendering || Date.now() - last < EVERY) return;
  last = Date.now();
  const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  if (answer.status === 403) location.assign("/sign-in");
}

for (const sign of ["pointerdown", "keydown"]) {
  document.addEventListener(sign, () => { seen().catch(() => {}); }, { passive: true });
}
