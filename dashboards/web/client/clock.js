/** Round trips that are remembered; older ones would hide that a clock drifts. */
const maxSamples = 8;
/** With so many one of them was probably quick. */
const settledSamples = 5;
/** The wall clock and ours moved apart by that much: the computer slept, or somebody set its clock. */
const sleepMs = 1_000;

/**
 * The gateway's clock as seen from here, from `clock_sync` round trips (the method of NTP, RFC 5905 section 8).
 *
 * The round trip with the least delay had the least room for error, so it alone decides. Our own clock is the
 * steady one, `performance.timeOrigin + performance.now()`, which stands still while some computers sleep: whatever was
 * measured before that counts no more.
 */
export class GatewayClock {
  /** @type {{offsetMs: number, rttMs: number}[]} */
  #samples = [];
  #lastOffsetMs = 0;
  #now;
  #wallNow;
  #apartMs;

  /** @param {{now: () => number, wallNow?: () => number}} clocks Unix milliseconds; `now` never steps */
  constructor({ now, wallNow = Date.now }) {
    this.#now = now;
    this.#wallNow = wallNow;
    this.#apartMs = wallNow() - now();
  }

  /**
   * Takes one round trip. All times are Unix milliseconds.
   * @param {number} t0 sent, by our clock
   * @param {number} t1 received, by the gateway's clock
   * @param {number} t2 answered, by the gateway's clock
   * @param {number} t3 answer received, by our clock
   */
  add(t0, t1, t2, t3) {
    const rttMs = t3 - t0 - (t2 - t1);
    if (!Number.isFinite(rttMs) || rttMs < 0) return;
    const sample = { offsetMs: (t1 - t0 + (t2 - t3)) / 2, rttMs };
    // Two that cannot both be true: a clock was set in between, and the newer one is right.
    const { offsetMs, uncertaintyMs } = this.value;
    if (Math.abs(sample.offsetMs - offsetMs) > uncertaintyMs + rttMs / 2) this.reset();
    this.#samples.push(sample);
    if (this.#samples.length > maxSamples) this.#samples.shift();
  }

  /** Forgets the round trips: after a new connection, which may be another gateway's, they say nothing. */
  reset() {
    this.#samples = [];
    this.#apartMs = this.#wallNow() - this.#now();
  }

  /** Whether the estimate is good; before that, round trips should follow one another quickly. */
  get isSettled() {
    return this.#samples.length >= settledSamples;
  }

  /**
   * Gateway time minus ours, and how far off that can be. Without a round trip the uncertainty is Infinity, and the
   * offset is the last one known, or 0.
   * @returns {{offsetMs: number, uncertaintyMs: number}}
   */
  get value() {
    if (Math.abs(this.#wallNow() - this.#now() - this.#apartMs) > sleepMs) this.reset();
    let best = null;
    for (const sample of this.#samples) if (best === null || sample.rttMs <= best.rttMs) best = sample;
    if (best) this.#lastOffsetMs = best.offsetMs;
    return { offsetMs: this.#lastOffsetMs, uncertaintyMs: best ? best.rttMs / 2 : Infinity };
  }
}
