/**
 * Exponential back-off with full jitter: the n-th wait is anything from 0 to `min(capMs, baseMs · 2ⁿ)`, so that the
 * clients of a gateway that restarts do not all come back in the same instant.
 */
export class Backoff {
  #attempt = 0;
  #baseMs;
  #capMs;
  #random;

  /** @param {{baseMs?: number, capMs?: number, random?: () => number}} [options] `random` gives 0 ≤ x < 1 */
  constructor({ baseMs = 500, capMs = 30_000, random = Math.random } = {}) {
    this.#baseMs = baseMs;
    this.#capMs = capMs;
    this.#random = random;
  }

  /** Waits asked for since the last reset. */
  get attempt() {
    return this.#attempt;
  }

  /** How long to wait now, in milliseconds. */
  next() {
    const ceiling = Math.min(this.#capMs, this.#baseMs * 2 ** Math.min(this.#attempt, 30));
    this.#attempt += 1;
    return Math.floor(this.#random() * ceiling);
  }

  /** Starts again from the shortest wait. Call it when a connection has proved stable, not when it opens. */
  reset() {
    this.#attempt = 0;
  }
}
