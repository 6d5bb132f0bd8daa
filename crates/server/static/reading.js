// What this page sees of reading: the end of the exact action was on screen, and time passed while it was looked at. Signals,
// not guards: whoever can change this page can skip them, and what they sign is the same.

/** A screen of a phone, by its width, or by its height when it lies on its side. */
const PHONE = matchMedia("(max-width: 44rem), (max-height: 30rem) and (pointer: coarse)");
/** How many of them a red action may take where it is approved on one. */
const SCREENS_MAX = 2;

/** How many screens of this phone a part takes, when that is more than red is approved on; 0 otherwise, and on anything larger. */
export function screensTooMany(part) {
  const screens = part.getBoundingClientRect().height / innerHeight;
  return PHONE.matches && screens > SCREENS_MAX ? Math.ceil(screens) : 0;
}

/** `clamp(4 s, words / 10, 45 s)`: twice the pace of a fast reader. */
export const floorSeconds = (words) => Math.min(45, Math.max(4, Math.ceil(words / 10)));

/** Counts the seconds in which the page is visible and in focus, and notes when the end of `part` was seen. */
export class Reading {
  #seconds = 0;
  #floor;

  constructor(part, floor, changed) {
    this.toTheEnd = false;
    this.#floor = floor;
    const end = document.createElement("span");
    end.className = "end";
    part.append(end);
    const watch = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      this.toTheEnd = true;
      watch.disconnect();
      changed();
    });
    watch.observe(end);
    const tick = setInterval(() => {
      if (document.visibilityState !== "visible" || !document.hasFocus()) return;
      this.#seconds += 1;
      changed();
      if (this.left === 0) clearInterval(tick);
    }, 1_000);
  }

  /** Seconds of reading that are left. */
  get left() {
    return Math.max(0, this.#floor - this.#seconds);
  }
}
