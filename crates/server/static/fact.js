// The question about the action itself, on red: one thing that stands on the page, which the gate drew for this request after it was
// asked for. `FactChallenge` of the core, word for word; the gate counts no approval of red without the answer.

import { el, grouped } from "./panel.js";

/** Everything that may be asked, in the order of the core. */
function all({ context, envelope }) {
  const caps = Object.entries(context.limits.caps).sort(([one], [other]) => (one < other ? -1 : 1));
  return [
    ...caps.map(([cap, most]) => ({ id: `fact.${cap}`, question: `How many ${cap} does it ask to touch at most?`, answer: String(most) })),
    { id: "fact.resource", question: "Which resource does it touch? Give its full name.", answer: envelope.resource },
    { id: "fact.target", question: "At which target does it act? Give its full name.", answer: envelope.target },
  ];
}

/** The one that is asked about this request. */
export function asked(shown) {
  const every = all(shown);
  return every[Number.parseInt(shown.nonce.replace("sha256:", "").slice(0, 8), 16) % every.length];
}

/** Whether this is what stands there; numbers may be grouped. */
export function isMet({ answer }, given) {
  const plain = /^\d+$/.test(answer) ? given.replaceAll(",", "") : given;
  return plain.trim() === answer;
}

const draw = (most) => crypto.getRandomValues(new Uint32Array(1))[0] % most;

function shuffled(values) {
  const left = [...values];
  const out = [];
  while (left.length > 0) out.push(...left.splice(draw(left.length), 1));
  return out;
}

/** The answer among others that could stand there, in no order that tells which it is. */
function choices({ answer }, { envelope }) {
  const number = Number(answer);
  const like = /^\d+$/.test(answer)
    ? [number + 1, number - 1, number * 2, number * 10, number * 100, Math.floor(number / 2), Math.floor(number / 10)].filter((one) => one > 0).map(String)
    : [envelope.resource, envelope.target, envelope.descriptor.id, envelope.workload, `${answer}s`, `${answer}-eu`, answer.slice(0, -1)];
  const others = shuffled(new Set(like.filter((one) => one !== "" && one !== answer))).slice(0, 4);
  return shuffled([answer, ...others]);
}

/** The question, to be typed; or, for whom that is easier, chosen from a list: the same test. */
export function question(shown, changed) {
  const fact = asked(shown);
  const field = el("input", "");
  Object.assign(field, { name: "fact", id: "fact", type: "text", autocomplete: "off", spellcheck: false });
  field.dataset.fact = fact.id;
  const label = el("label", "", fact.question);
  label.htmlFor = "fact";
  const button = el("button", "link", "Choose from a list instead");
  button.type = "button";
  button.addEventListener("click", () => {
    const list = el("select", "", el("option", "", ""), ...choices(fact, shown).map((one) => el("option", "", /^\d+$/.test(one) ? grouped(one) : one)));
    Object.assign(list, { name: "fact", id: "fact" });
    list.dataset.fact = fact.id;
    field.replaceWith(list);
    button.remove();
    list.focus();
    changed();
  });
  return [label, field, button];
}
