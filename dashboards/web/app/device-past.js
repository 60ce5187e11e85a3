/**
 * What is known of one device's past. Readings are missing until an answer covers them that live readings follow: one
 * that fails, or that came while nothing was heard live, leaves missing what was missing when it was asked for.
 */
export class DevicePast {
  /** Since when readings may be missing, in Unix milliseconds; Infinity when none are. */
  missingSince = -Infinity;
  /** A question is on its way, or waits for its turn. */
  isAsked = false;
  /** There was an answer. */
  isKnown = false;
  /** Why there was none. @type {Error | null} */
  failure = null;
  /** What the question that is on its way would cover. */
  #askedSince = Infinity;
  #counts = false;

  get isMissing() {
    return this.missingSince < Infinity;
  }

  /** Whether asking again by ourselves may help. */
  get isWorthAsking() {
    return this.isMissing && this.failure?.temporary !== false;
  }

  /** Readings may be missing. @param {number} since Unix milliseconds */
  miss(since) {
    this.missingSince = Math.min(this.missingSince, since);
  }

  /**
   * The question goes out: what is missed from now on is not its matter.
   * @param {boolean} counts whether live readings come, so that nothing is missing after the answer
   * @returns {number} since when to ask
   */
  ask(counts) {
    this.#askedSince = this.missingSince;
    this.#counts = counts;
    this.missingSince = Infinity;
    return this.#askedSince;
  }

  answered() {
    this.isAsked = false;
    this.isKnown = true;
    this.failure = null;
    if (!this.#counts) this.miss(this.#askedSince);
  }

  /** @param {Error} error */
  failed(error) {
    this.isAsked = false;
    this.failure = error;
    this.miss(this.#askedSince);
  }
}
