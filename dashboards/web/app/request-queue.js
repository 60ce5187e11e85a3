/** Runs questions to the gateway a few at a time, in order. */
export class RequestQueue {
  #limit;
  #timeoutMs;
  #waiting = [];
  #running = 0;
  #controller = new AbortController();

  /** @param {{limit: number, timeoutMs: number}} options `timeoutMs`: a question without an answer has failed then */
  constructor({ limit, timeoutMs }) {
    this.#limit = limit;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * @template Answer
   * @param {(signal: AbortSignal) => Promise<Answer>} ask
   * @returns {Promise<Answer>} never settled when the question was dropped by {@link clear}
   */
  add(ask) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ask, resolve, reject });
      this.#next();
    });
  }

  /** Drops what waits, aborts what runs. */
  clear() {
    this.#waiting = [];
    this.#controller.abort();
    this.#controller = new AbortController();
    this.#running = 0;
  }

  async #next() {
    if (this.#running >= this.#limit || this.#waiting.length === 0) return;
    const { ask, resolve, reject } = this.#waiting.shift();
    const controller = this.#controller;
    const own = new AbortController();
    const abort = () => own.abort();
    controller.signal.addEventListener("abort", abort);
    const timer = setTimeout(
      () => own.abort(new Error("The gateway did not answer in time.")), this.#timeoutMs);
    this.#running += 1;
    try {
      const answer = await ask(own.signal);
      if (!controller.signal.aborted) resolve(answer);
    } catch (error) {
      if (!controller.signal.aborted) reject(error);
    }
    clearTimeout(timer);
    controller.signal.removeEventListener("abort", abort);
    if (controller !== this.#controller) return;
    this.#running -= 1;
    this.#next();
  }
}
