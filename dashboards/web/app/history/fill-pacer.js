/** Debounce: holes come in bursts, and are filled this long after the last one, */
const quietMs = 2_000;
/** but at the latest this long after the first one. */
const patienceMs = 30_000;
/** Shortest pause between two fills. It doubles each time while they follow each other closely, up to the longest. */
const leastPauseMs = 15_000;
const mostPauseMs = 300_000;

/**
 * Decides when holes are filled while the connection is open: not while more of them appear, not in a hidden page, and
 * less and less often when there is always another one. A client that is too slow would only become slower by requests.
 */
export class FillPacer {
  #fill;
  #now;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /**
   * Time of the first open hole; null without one.
   * @type {number | null}
   */
  #firstAt = null;
  #lastAt = -Infinity;
  #pauseMs = leastPauseMs;

  /**
   * @param {() => void} fill
   * @param {() => number} now steady milliseconds
   */
  constructor(fill, now = () => performance.now()) {
    this.#fill = fill;
    this.#now = now;
    document.addEventListener("visibilitychange", () => this.#firstAt !== null && this.#schedule());
  }

  /** Schedules a fill. */
  soon() {
    this.#firstAt ??= this.#now();
    this.#schedule();
  }

  /** Cancels the scheduled fill. */
  stop() {
    clearTimeout(this.#timer);
    this.#firstAt = null;
  }

  #schedule() {
    clearTimeout(this.#timer);
    if (document.visibilityState === "hidden") return;
    const now = this.#now();
    const at = Math.max(Math.min(now + quietMs, (this.#firstAt ?? now) + patienceMs), this.#lastAt + this.#pauseMs);
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
