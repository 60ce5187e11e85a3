import { WindsockError } from "./errors.js";

/** Commands that await the answer with their `id`, limited in number and time. */
export class PendingRequests {
  /**
   * @type {Map<string, {resolve: (payload: any) => void, reject: (error: WindsockError) => void,
   *   timer: ReturnType<typeof setTimeout>}>}
   */
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
   * Sends a command by `send(id)` and awaits its answer.
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
   * Settles the command that a message answers.
   * @param {{id?: string, type: string, payload: any}} message
   * @returns {boolean} false when no command awaits it
   */
  settle({ id, type, payload }) {
    const request = id === undefined ? undefined : this.#pending.get(id);
    if (id === undefined || !request) return false;
    this.#pending.delete(id);
    clearTimeout(request.timer);
    if (type === "error") {
      const { code = "internal", message: text = "The gateway refused.", temporary = false } = payload;
      request.reject(new WindsockError(code, text, temporary));
    } else {
      request.resolve(payload);
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
