/**
 * Work that many ask for and that is done for all of them at once: one time after the other, at most every so often, and
 * once more for those who asked while it was being done.
 */
export class Coalesced {
  #work;
  #restMs;
  #ready = Promise.resolve();
  /** @type {Promise<void> | null} */
  #next = null;

  /** @param {() => Promise<void>} work never rejects @param {number} restMs between its end and the next time */
  constructor(work, restMs) {
    this.#work = work;
    this.#restMs = restMs;
  }

  /** @returns {Promise<void>} fulfilled when it was done, begun after this call */
  run() {
    return (this.#next ??= this.#ready.then(() => {
      this.#next = null;
      const done = this.#work();
      this.#ready = done.then(() => new Promise((resolve) => setTimeout(resolve, this.#restMs)));
      return done;
    }));
  }
}
