/** Round trips that are remembered; older ones would hide that a clock drifts. */
const maxSamples = 8;

/**
 * The gateway's clock as seen from here, from `clock_sync` round trips (the method of NTP, RFC 5905 section 8).
 *
 * The round trip with the least delay had the least room for error, so it alone decides.
 */
export class ClockEstimate {
  /** @type {{offsetMs: number, rttMs: number}[]} */
  #samples = [];

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
    this.#samples.push({ offsetMs: (t1 - t0 + (t2 - t3)) / 2, rttMs });
    if (this.#samples.length > maxSamples) this.#samples.shift();
  }

  /** Forgets everything: after a pause (a laptop that slept) old round trips say nothing. */
  reset() {
    this.#samples = [];
  }

  get sampleCount() {
    return this.#samples.length;
  }

  /**
   * Gateway time minus ours, and how far off that can be; 0 and Infinity before the first round trip.
   * @returns {{offsetMs: number, uncertaintyMs: number}}
   */
  get value() {
    let best = null;
    for (const sample of this.#samples) if (best === null || sample.rttMs <= best.rttMs) best = sample;
    return best === null
      ? { offsetMs: 0, uncertaintyMs: Infinity }
      : { offsetMs: best.offsetMs, uncertaintyMs: best.rttMs / 2 };
  }
}
