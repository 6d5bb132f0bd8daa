// The keys of the console: moving and looking, nothing else. No key approves, denies or sends anything.
// A plain module: it changes classes, focus and the address, and never makes markup.

const rows = () => [...document.querySelectorAll("[data-row]")].filter((row) => !row.hidden);
let at = -1;
let prefix = false;

/** Moves to the next or the previous request of the list. */
function move(step) {
  const all = rows();
  if (all.length === 0) return;
  at = Math.max(0, Math.min(all.length - 1, at + step));
  all.forEach((row, number) => row.classList.toggle("at", number === at));
  const link = all[at].querySelector("a.sentence");
  link.focus({ preventScroll: true });
  all[at].scrollIntoView({ block: "nearest" });
}

/** Back to the list that this page was reached from. */
function back() {
  location.assign(document.body.dataset.part === "request" && document.getElementById("t-happened") ? "/decided" : "/");
}

/** A field that hides the requests without its words; the list itself stays as it is. */
function find() {
  const list = document.querySelector("[data-list]");
  if (!list) return;
  let field = document.getElementById("find");
  if (!field) {
    field = document.createElement("input");
    field.id = "find";
    field.type = "search";
    field.className = "find finding";
    field.setAttribute("aria-label", "Find in the list");
    field.placeholder = "Find in the list";
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of document.querySelectorAll("[data-row]")) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        row.classList.remove("at");
      }
      at = -1;
    });
    document.querySelector(".head").append(field);
  }
  field.focus();
}

const help = document.getElementById("keys");

const keys = {
  j: () => move(1),
  k: () => move(-1),
  u: back,
  o: () => document.querySelector(".row.at a.sentence")?.click(),
  y: () => navigator.clipboard?.writeText(location.href),
  "/": find,
  "?": () => help?.showModal(),
  g: () => {
    prefix = true;
    setTimeout(() => { prefix = false; }, 1500);
  },
};
const after_g = { i: "/", d: "/decided", k: "/keys" };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const field = event.target.closest?.("input, textarea, select");
  if (event.key === "Escape") {
    if (field) field.blur();
    else if (!help?.open && document.body.dataset.part === "request") back();
    return;
  }
  if (field || help?.open) return;
  if (prefix && after_g[event.key]) {
    location.assign(after_g[event.key]);
    event.preventDefault();
    return;
  }
  prefix = false;
  const act = keys[event.key];
  if (act) {
    act();
    event.preventDefault();
  }
});
