/** A FIFO queue of requests with limited concurrency. */
export class RequestQueue {
  #limit;
  #timeoutMs;
  /**
   * @type {{send: (signal: AbortSignal) => Promise<any>, resolve: (answer: any) => void,
   *   reject: (error: Error) => void}[]}
   */
  #waiting = [];
  #running = 0;
  #controller = new AbortController();

  /** @param {{limit: number, timeoutMs: number}} options `timeoutMs`: a request without an answer fails after it */
  constructor({ limit, timeoutMs }) {
    this.#limit = limit;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * @template Answer
   * @param {(signal: AbortSignal) => Promise<Answer>} send
   * @returns {Promise<Answer>} never settles when {@link clear} drops the request
   */
  add(send) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ send, resolve, reject });
      this.#next();
    });
  }

  /** Drops queued requests and aborts running ones. */
  clear() {
    this.#waiting = [];
    this.#controller.abort();
    this.#controller = new AbortController();
    this.#running = 0;
  }

  async #next() {
    const next = this.#running < this.#limit ? this.#waiting.shift() : undefined;
    if (!next) return;
    const { send, resolve, reject } = next;
    const controller = this.#controller;
    const own = new AbortController();
    const abort = () => own.abort();
    controller.signal.addEventListener("abort", abort);
    const timer = setTimeout(
      () => own.abort(new Error("The gateway did not answer in time.")), this.#timeoutMs);
    this.#running += 1;
    try {
      const answer = await send(own.signal);
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
