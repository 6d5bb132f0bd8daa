// Why somebody approves: the rules and the words of the core, `reason.rs`, which refuses what this lets through.

import { HAZARD } from "./panel.js";

const LETTERS_MIN = 3;
const CHARACTERS_MAX = 2000;

/** Whether words can be seen at all. */
export const isSeen = (text) => [...text].some((one) => !/\s/u.test(one) && !HAZARD.test(one));

/** What is wrong with the words that say why, where they are demanded or not; nothing when nothing is. */
export function wrong(text, demanded) {
  const control = [...text].find((one) => one !== "\n" && /\p{Cc}/u.test(one));
  if (control) {
    const number = control.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    return `why you approve it holds the control character U+${number}; only line breaks may stand in it`;
  }
  if ([...text].length > CHARACTERS_MAX) return "why you approve it is said in more than 2,000 characters";
  if (!demanded) return null;
  if (text === "") return "it is RED, and nothing says why you approve it";
  if (!isSeen(text)) return "nothing that can be seen says why you approve it: there are only blanks and characters that take no room";
  const letters = [...text].filter((one) => /[\p{Alphabetic}\p{N}]/u.test(one) && !HAZARD.test(one));
  return letters.length < LETTERS_MIN ? `why you approve it is said in fewer than ${LETTERS_MIN} letters or digits` : null;
}
