const intervalMs = 5_000;

/**
 * Asks `/readyz` whether the gateway can do its work: a page that is connected to a gateway without a broker must not
 * look as if all were well.
 */
export class ReadinessWatch {
  #onChange;
  #timer = 0;
  #last = "";

  /** @param {(failed: {name: string, status: string, reason?: string}[]) => void} onChange called when it changed */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  start() {
    this.stop();
    this.#poll();
    this.#timer = setInterval(() => document.visibilityState === "visible" && this.#poll(), intervalMs);
  }

  stop() {
    clearInterval(this.#timer);
    this.#last = "";
  }

  async #poll() {
    let failed = [];
    try {
      const response = await fetch("/readyz");
      const { checks = {} } = await response.json();
      failed = Object.entries(checks)
        .filter(([, check]) => !(check.ready ?? ["ok", "connected", "ready"].includes(check.status)))
        .map(([name, { status, reason }]) => ({ name, status, reason }));
    } catch {
      // The gateway itself does not answer: the WebSocket tells about that.
    }
    const text = JSON.stringify(failed);
    if (text === this.#last) return;
    this.#last = text;
    this.#onChange(failed);
  }
}
