/** Round trips that are kept. Older ones would hide clock drift. */
const maxSamples = 8;
/** With this many round trips, one of them was probably quick. */
const settledSamples = 5;
/** Round trips follow each other this closely until the estimate has settled. */
const settlingIntervalMs = 100;
/** A larger change between wall clock and steady clock means that the computer slept, or that its clock was set. */
const maxStepMs = 1_000;

/**
 * The offset to the gateway's clock and its uncertainty, in milliseconds.
 * @typedef {{offsetMs: number, uncertaintyMs: number}} ClockReading
 */

/**
 * An estimate of the gateway's clock from `clock_sync` round trips (the method of NTP, RFC 5905 section 8).
 *
 * The round trip with the least delay has the least error, so it alone decides. The local clock is the steady one,
 * `performance.timeOrigin + performance.now()`. It stands still while some computers sleep, so samples from before a
 * sleep are discarded.
 */
export class GatewayClock {
  /** @type {{offsetMs: number, rttMs: number}[]} */
  #samples = [];
  #lastOffsetMs = 0;
  #now;
  #wallNow;
  /** Wall clock minus steady clock when sampling began. */
  #differenceMs;

  /** @param {{now: () => number, wallNow?: () => number}} clocks Unix milliseconds; `now` never steps */
  constructor({ now, wallNow = Date.now }) {
    this.#now = now;
    this.#wallNow = wallNow;
    this.#differenceMs = wallNow() - now();
  }

  /**
   * Adds a round trip. All times are Unix milliseconds.
   * @param {number} t0 sent, by the local clock
   * @param {number} t1 received, by the gateway's clock
   * @param {number} t2 answered, by the gateway's clock
   * @param {number} t3 answer received, by the local clock
   */
  add(t0, t1, t2, t3) {
    const rttMs = t3 - t0 - (t2 - t1);
    if (!Number.isFinite(rttMs) || rttMs < 0) return;
    const sample = { offsetMs: (t1 - t0 + (t2 - t3)) / 2, rttMs };
    // The samples contradict each other: a clock was set in between, and the newer sample is right.
    const { offsetMs, uncertaintyMs } = this.value;
    if (Math.abs(sample.offsetMs - offsetMs) > uncertaintyMs + rttMs / 2) this.reset();
    this.#samples.push(sample);
    if (this.#samples.length > maxSamples) this.#samples.shift();
  }

  /** Discards all samples: a new connection may lead to another gateway. */
  reset() {
    this.#samples = [];
    this.#differenceMs = this.#wallNow() - this.#now();
  }

  /** Whether there are enough samples for a good estimate. */
  get isSettled() {
    return this.#samples.length >= settledSamples;
  }

  /**
   * Gateway time minus local time. Without a sample the uncertainty is Infinity, and the offset is the last known one,
   * or 0.
   * @returns {ClockReading}
   */
  get value() {
    if (Math.abs(this.#wallNow() - this.#now() - this.#differenceMs) > maxStepMs) this.reset();
    /** @type {{offsetMs: number, rttMs: number} | undefined} */
    let best;
    for (const sample of this.#samples) if (best === undefined || sample.rttMs <= best.rttMs) best = sample;
    if (best) this.#lastOffsetMs = best.offsetMs;
    return { offsetMs: this.#lastOffsetMs, uncertaintyMs: best ? best.rttMs / 2 : Infinity };
  }
}

/**
 * Keeps a {@link GatewayClock} up to date while a connection is open. The same round trips detect a dead connection,
 * because a page cannot see the gateway's pings.
 */
export class ClockSync {
  #clock;
  #ports;
  #intervalMs;
  /**
   * Identity of the current connection, null without one.
   * @type {object | null}
   */
  #run = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {GatewayClock} clock
   * @param {object} ports
   * @param {() => number} ports.now
   * @param {() => number} ports.arrivedAt arrival time of the message that is being handled
   * @param {(type: string, payload: object) => Promise<any>} ports.request
   * @param {() => void} ports.onTimeout the gateway did not answer
   * @param {number} intervalMs between round trips of a settled clock
   */
  constructor(clock, ports, intervalMs) {
    this.#clock = clock;
    this.#ports = ports;
    this.#intervalMs = intervalMs;
  }

  /** Starts with a new connection. */
  start() {
    this.#run = {};
    this.check();
  }

  stop() {
    this.#run = null;
    clearTimeout(this.#timer);
  }

  /** Makes a round trip now. Does nothing without a connection. */
  async check() {
    const run = this.#run;
    if (!run) return;
    const { now, arrivedAt, request, onTimeout } = this.#ports;
    try {
      const answer = await request("clock_sync", { t0: now() });
      this.#clock.add(answer.t0, answer.t1, answer.t2, arrivedAt());
    } catch (error) {
      if (this.#run === run && error.code === "timeout") onTimeout();
    }
    if (this.#run !== run) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.check(), this.#clock.isSettled ? this.#intervalMs : settlingIntervalMs);
  }
}
