import { WindsockError } from "./errors.js";

/** Commands that wait for the answer with their `id`: bounded in number and in time. */
export class PendingRequests {
  /** @type {Map<string, {resolve: Function, reject: Function, timer: ReturnType<typeof setTimeout>}>} */
  #pending = new Map();
  #nextID = 1;
  #limit;
  #timeoutMs;

  /** @param {{limit: number, timeoutMs: number}} options */
  constructor({ limit, timeoutMs }) {
    this.#limit = limit;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Sends a command by `send(id)` and waits.
   * @param {(id: string) => void} send
   * @param {number} [timeoutMs]
   * @returns {Promise<any>} the answer's payload; rejects with a {@link WindsockError}
   */
  start(send, timeoutMs = this.#timeoutMs) {
    if (this.#pending.size >= this.#limit) {
      return Promise.reject(
        new WindsockError("overloaded", `${this.#limit} commands are waiting for an answer already.`, true),
      );
    }
    const id = `c${this.#nextID++}`;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new WindsockError("timeout", `No answer within ${timeoutMs} ms.`, true));
      }, timeoutMs);
      this.#pending.set(id, { resolve, reject, timer });
      send(id);
    });
  }

  /**
   * Gives an answer to whoever waits for it.
   * @param {{id?: string, type: string, payload: any}} message
   * @returns {boolean} whether somebody did
   */
  settle(message) {
    const request = message.id === undefined ? undefined : this.#pending.get(message.id);
    if (!request) return false;
    this.#pending.delete(message.id);
    clearTimeout(request.timer);
    if (message.type === "error") {
      const { code = "internal", message: text = "The gateway refused.", temporary = false } = message.payload;
      request.reject(new WindsockError(code, text, temporary));
    } else {
      request.resolve(message.payload);
    }
    return true;
  }

  /** @param {WindsockError} error */
  rejectAll(error) {
    for (const request of this.#pending.values()) {
      clearTimeout(request.timer);
      request.reject(error);
    }
    this.#pending.clear();
  }
}
