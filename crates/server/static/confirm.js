// `v` opens what takes a grant away, `s` what stops something, of the line one stands on or of the page, and goes to the first thing
// to fill in or press. Esc leaves it. No key takes anything away or stops anything itself, and nothing here lets anything out.

const closest = (event, what) => event.target.closest?.(what);

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
  if (document.querySelector("dialog[open]")) return;
  const asked = closest(event, "details[data-opens][open]");
  if (event.key === "Escape" && asked) {
    asked.open = false;
    asked.querySelector("summary").focus();
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  if (!/^[vs]$/.test(event.key) || closest(event, "input, textarea, select")) return;
  const place = document.querySelector(".row.at") ?? document.activeElement?.closest?.("[data-row]") ?? document;
  const details = place.querySelector(`details[data-opens="${event.key}"]`);
  if (!details) return;
  details.open = true;
  details.querySelector("textarea, button").focus();
  details.scrollIntoView({ block: "nearest" });
  event.preventDefault();
}, { capture: true });
