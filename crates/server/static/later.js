// What a page loads once somebody wants it: a module, a style sheet or a text, and none with other bytes than the page names the hash of
// in `data-later`. An `import` has no place for a hash, so its module is named in the head first.

const RELATIONS = { js: "modulepreload", css: "stylesheet" };
const brought = new Map();

/** The hash that this page names for one of its files; what it does not name is not loaded. */
function integrity(name) {
  const all = [...document.querySelectorAll("script[data-later]")].flatMap(({ dataset }) => dataset.later.split(" "));
  const found = all.find((one) => one.startsWith(`${name}=`));
  if (!found) throw new Error(`This page names no ${name}.`);
  return found.slice(name.length + 1);
}

function linked(rel, href, hash) {
  return new Promise((resolve, reject) => {
    const failed = () => reject(new Error(`${href} could not be loaded as it should be.`));
    document.head.append(Object.assign(document.createElement("link"), { rel, href, integrity: hash, onload: resolve, onerror: failed }));
  });
}

/** Loads it, once: a module for the `import` that follows, a style sheet for the page, and of anything else gives the text. */
export async function later(name) {
  const address = `/static/${name}`;
  const hash = integrity(name);
  const rel = RELATIONS[name.split(".").pop()];
  if (!rel) return (await fetch(address, { integrity: hash })).text();
  if (!brought.has(name)) brought.set(name, linked(rel, address, hash));
  return brought.get(name);
}
