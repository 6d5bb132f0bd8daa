// The keys of a request's page that only look: its exact bytes, what is unlike its baseline, who asks, and the requests beside it in
// the list that it was opened from.

const places = { r: ".block.exact pre", b: "#base", i: "#who" };
const steps = { "[": -1, "]": 1 };

/** The request before or after this one in that list. */
function beside(step) {
  const list = JSON.parse(sessionStorage.getItem("list") ?? "[]");
  const at = list.indexOf(location.pathname);
  const to = at < 0 ? undefined : list[at + step];
  return to?.startsWith("/requests/") ? to : undefined;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
  if (event.target.closest?.("input, textarea, select") || document.querySelector("dialog[open]")) return;
  const { key } = event;
  if (Object.hasOwn(steps, key)) {
    const to = beside(steps[key]);
    if (to) location.assign(to);
    event.preventDefault();
  }
  const place = Object.hasOwn(places, key) && document.querySelector(places[key]);
  if (!place) return;
  if (place.tabIndex < 0) place.tabIndex = -1;
  place.focus({ preventScroll: true });
  place.scrollIntoView({ block: "start" });
  event.preventDefault();
});
