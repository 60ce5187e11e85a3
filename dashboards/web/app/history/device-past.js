/**
 * The history of a device, as far as it is missing.
 *
 * Readings are missing until an answer covers them and live readings follow it. After a request that fails, or that was
 * sent before the rooms were joined, the same readings are missing as before.
 */
export class DevicePast {
  /** Time since which readings may be missing, in Unix milliseconds; Infinity when none are missing. */
  missingSince = -Infinity;
  /** A request is in flight or queued. */
  isRequested = false;
  /** There was an answer at least once. */
  isKnown = false;
  /**
   * The error of the last request, or null.
   * @type {(Error & {temporary?: boolean}) | null}
   */
  failure = null;
  /** Start of what the request in flight covers. */
  #requestedSince = Infinity;
  #isLive = false;

  get isMissing() {
    return this.missingSince < Infinity;
  }

  /** Whether a retry without the user may help. */
  get isWorthRetrying() {
    return this.isMissing && this.failure?.temporary !== false;
  }

  /**
   * Notes that readings may be missing.
   * @param {number} since Unix milliseconds
   */
  miss(since) {
    this.missingSince = Math.min(this.missingSince, since);
  }

  /**
   * Starts a request. Readings missed from now on are not part of it.
   * @param {boolean} isLive whether live readings arrive, so that nothing is missing after the answer
   * @returns {number} time since which readings are requested
   */
  request(isLive) {
    this.#requestedSince = this.missingSince;
    this.#isLive = isLive;
    this.missingSince = Infinity;
    return this.#requestedSince;
  }

  answered() {
    this.isRequested = false;
    this.isKnown = true;
    this.failure = null;
    if (!this.#isLive) this.miss(this.#requestedSince);
  }

  /** @param {Error & {temporary?: boolean}} error */
  failed(error) {
    this.isRequested = false;
    this.failure = error;
    this.miss(this.#requestedSince);
  }
}
