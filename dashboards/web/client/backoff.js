/**
 * Exponential back-off with full jitter: the n-th delay is random between 0 and `min(capMs, baseMs · 2ⁿ)`. The clients
 * of a restarting gateway therefore do not reconnect in the same instant.
 */
export class Backoff {
  #attempt = 0;
  #baseMs;
  #capMs;
  #random;

  /** @param {{baseMs?: number, capMs?: number, random?: () => number}} options `random` returns 0 ≤ x < 1 */
  constructor({ baseMs = 500, capMs = 30_000, random = Math.random } = {}) {
    this.#baseMs = baseMs;
    this.#capMs = capMs;
    this.#random = random;
  }

  /** The number of delays since the last reset. */
  get attempt() {
    return this.#attempt;
  }

  /** Returns the next delay in milliseconds. */
  next() {
    const ceiling = Math.min(this.#capMs, this.#baseMs * 2 ** Math.min(this.#attempt, 30));
    this.#attempt += 1;
    return Math.floor(this.#random() * ceiling);
  }

  /** Restarts at the shortest delay. Call it when a connection has proved stable, not when it opens. */
  reset() {
    this.#attempt = 0;
  }
}
