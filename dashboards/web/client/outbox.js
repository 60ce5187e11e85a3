import { WindsockError } from "./errors.js";

/** How long to wait before something that failed for the moment is sent again. */
const retryMs = 1_000;

/**
 * What is to be said, one after the other, until the gateway has acknowledged it: what was under way when the
 * connection broke is sent again with the same key, which the gateway knows.
 */
export class Outbox {
  #entries = [];
  #request;
  #limit;
  #isOpen = false;
  #isSending = false;

  /**
   * @param {(type: string, payload: object) => Promise<any>} request
   * @param {number} limit
   */
  constructor(request, limit) {
    this.#request = request;
    this.#limit = limit;
  }

  /**
   * @param {string} type @param {object} payload with its `idempotency_key`
   * @returns {Promise<any>} the payload of `ack`; rejects with a {@link WindsockError}
   */
  send(type, payload) {
    if (this.#entries.length >= this.#limit) {
      return Promise.reject(
        new WindsockError("overloaded", `${this.#limit} messages wait to be sent already.`, true),
      );
    }
    return new Promise((resolve, reject) => {
      this.#entries.push({ type, payload, resolve, reject });
      this.#next();
    });
  }

  /** There is a connection: send what waits. */
  resume() {
    this.#isOpen = true;
    this.#next();
  }

  /** There is none: wait. */
  pause() {
    this.#isOpen = false;
  }

  /** @param {WindsockError} error */
  fail(error) {
    this.pause();
    for (const { reject } of this.#entries.splice(0)) reject(error);
  }

  async #next() {
    if (this.#isSending || !this.#isOpen || this.#entries.length === 0) return;
    this.#isSending = true;
    const entry = this.#entries[0];
    let wait = 0;
    try {
      const answer = await this.#request(entry.type, entry.payload);
      this.#done(entry)?.resolve(answer);
    } catch (error) {
      if (!error.temporary) this.#done(entry)?.reject(error);
      else if (error.code !== "disconnected") wait = retryMs;
    }
    if (wait) await new Promise((resolve) => setTimeout(resolve, wait));
    this.#isSending = false;
    this.#next();
  }

  /** Takes an entry out; undefined when the box was emptied meanwhile. */
  #done(entry) {
    return this.#entries[0] === entry ? this.#entries.shift() : undefined;
  }
}
