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

/** `clamp(4 s, words / 10, 45 s)`: twice the pace of a fast reader. Six bytes are a word, however few spaces stand between them. */
export const floorSeconds = ({ words, bytes }) => Math.min(45, Math.max(4, Math.ceil(Math.max(words, bytes / 6) / 10)));

/** Counts the seconds in which the page has the focus and `part` is in view, and notes when its end was seen. */
export class Reading {
  #seconds = 0;
  #floor;
  #inView = false;
  #otherwise = false;
  #changed;

  constructor(part, floor, changed) {
    this.toTheEnd = false;
    this.#floor = floor;
    this.#changed = changed;
    const end = document.createElement("span");
    end.className = "end";
    part.append(end);
    const watch = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (target === part) this.#inView = isIntersecting;
        else if (isIntersecting) {
          this.toTheEnd = true;
          watch.unobserve(end);
          changed();
        }
      }
    });
    watch.observe(part);
    watch.observe(end);
    setInterval(() => this.#tick(), 1_000);
  }

  #tick() {
    if (this.left === 0 || document.visibilityState !== "visible" || !document.hasFocus()) return;
    if (!this.#inView && !this.#otherwise) return;
    this.#seconds += 1;
    this.#changed();
  }

  /** Whoever reads otherwise than by looking has twice the time, and it counts wherever on the page they are. */
  readOtherwise(otherwise) {
    this.#otherwise = otherwise;
    this.#changed();
  }

  /** Seconds of reading that are left. */
  get left() {
    return Math.max(0, this.#floor * (this.#otherwise ? 2 : 1) - this.#seconds);
  }
}
