// What time it is at the gate, and how long is left. A browser's clock may be wrong or set while a page is open: of it only how much time
// passes is taken, and the gate says the time again whenever it is asked something.

const said = document.querySelector("[data-now]")?.dataset.now;
let gate = said ? Date.parse(said) : Number.NaN;
// From when the page arrived on, however late this runs.
let since = performance.getEntriesByType("navigation")[0]?.responseStart ?? performance.now();
let drift = Date.now() - performance.now();

/** The time of the gate, in milliseconds. */
export const now = () => gate + (performance.now() - since);

/** Takes over what the gate just said. */
export function set(text) {
  gate = Date.parse(text);
  since = performance.now();
  drift = Date.now() - since;
}

/** Whether this computer slept or its clock was set since it was asked last: then the gate is to be asked for the time. */
export function wasSet() {
  const before = drift;
  drift = Date.now() - performance.now();
  return Math.abs(drift - before) > 2_000;
}

/** Seconds as people say them. */
export function duration(seconds) {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} days`;
}

/** A time from now. */
export function fromNow(millis) {
  const seconds = Math.floor((millis - now()) / 1_000);
  return seconds >= 0 ? `in ${duration(seconds)}` : `${duration(-seconds)} ago`;
}

/** Counts down everything on the page that says how long is left. */
function tick() {
  for (const left of document.querySelectorAll("[data-left]")) {
    const words = fromNow(Date.parse(left.parentElement.querySelector("time").dateTime));
    if (left.textContent !== words) left.textContent = words;
  }
}

if (said) setInterval(tick, 1_000);
