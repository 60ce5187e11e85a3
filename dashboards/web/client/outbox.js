import { WindsockError } from "./errors.js";

/** Delay before a message that failed temporarily is sent again. */
const retryMs = 1_000;

/** @typedef {{type: string, payload: object, resolve: (answer: any) => void, reject: (error: Error) => void}} Entry */

/**
 * A bounded FIFO queue of messages to send. They are sent one at a time, each until the gateway acknowledges it. A
 * message that was in flight when the connection broke is sent again with the same idempotency key, so the gateway
 * stores it once.
 */
export class Outbox {
  /** @type {Entry[]} */
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
   * @param {string} type
   * @param {object} payload with its `idempotency_key`
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

  /** Starts sending, when a connection opens. */
  resume() {
    this.#isOpen = true;
    this.#next();
  }

  /** Stops sending and keeps the queue, when the connection is lost. */
  pause() {
    this.#isOpen = false;
  }

  /**
   * Rejects and removes everything in the queue.
   * @param {WindsockError} error
   */
  fail(error) {
    this.pause();
    for (const { reject } of this.#entries.splice(0)) reject(error);
  }

  async #next() {
    if (this.#isSending || !this.#isOpen || this.#entries.length === 0) return;
    this.#isSending = true;
    const entry = this.#entries[0];
    let delayMs = 0;
    try {
      const answer = await this.#request(entry.type, entry.payload);
      this.#remove(entry)?.resolve(answer);
    } catch (error) {
      if (!error.temporary) this.#remove(entry)?.reject(error);
      else if (error.code !== "disconnected") delayMs = retryMs;
    }
    if (delayMs) await new Promise((resolve) => setTimeout(resolve, delayMs));
    this.#isSending = false;
    this.#next();
  }

  /**
   * Removes an entry; returns undefined when {@link fail} has emptied the queue meanwhile.
   * @param {Entry} entry
   */
  #remove(entry) {
    return this.#entries[0] === entry ? this.#entries.shift() : undefined;
  }
}
