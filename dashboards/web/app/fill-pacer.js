/** Holes come in bursts: they are filled when none has come for so long, */
const quietMs = 2_000;
/** but at the latest so long after the first. */
const patienceMs = 30_000;
/** Between one filling and the next; while they follow each other so closely it doubles each time. */
const leastPauseMs = 15_000;
const mostPauseMs = 300_000;

/**
 * When holes are filled while the connection holds: not while more of them come, not while nobody looks, and more and
 * more seldom when there is always another, as with a client that is too slow: questions would only make it slower.
 */
export class FillPacer {
  #fill;
  #now;
  #timer = 0;
  #firstAt = null;
  #lastAt = -Infinity;
  #pauseMs = leastPauseMs;

  /** @param {() => void} fill @param {() => number} [now] steady milliseconds */
  constructor(fill, now = () => performance.now()) {
    this.#fill = fill;
    this.#now = now;
    document.addEventListener("visibilitychange", () => this.#firstAt !== null && this.#schedule());
  }

  /** There is something to fill. */
  soon() {
    this.#firstAt ??= this.#now();
    this.#schedule();
  }

  /** Nothing is to be filled any more. */
  stop() {
    clearTimeout(this.#timer);
    this.#firstAt = null;
  }

  #schedule() {
    clearTimeout(this.#timer);
    if (document.visibilityState === "hidden") return;
    const now = this.#now();
    const at = Math.max(Math.min(now + quietMs, this.#firstAt + patienceMs), this.#lastAt + this.#pauseMs);
    this.#timer = setTimeout(() => this.#go(), Math.max(0, at - now));
  }

  #go() {
    this.#firstAt = null;
    const now = this.#now();
    const isCalm = now - this.#lastAt > 4 * this.#pauseMs;
    this.#pauseMs = isCalm ? leastPauseMs : Math.min(mostPauseMs, 2 * this.#pauseMs);
    this.#lastAt = now;
    this.#fill();
  }
}
