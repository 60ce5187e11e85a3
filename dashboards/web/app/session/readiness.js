import { byID, setText } from "../shared/dom.js";

const intervalMs = 5_000;

/** @typedef {import("../shared/gateway-types.js").FailedCheck} FailedCheck */

/** Polls `/readyz`: a page that is connected to a gateway without a broker must not look healthy. */
export class ReadinessWatch {
  #onChange;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  #last = "";

  /**
   * @param {(failed: FailedCheck[], outdated: string) => void} onChange called after each change. `outdated` says which
   *   changed files of the gateway have a mistake and are not in use; it is empty when there are none.
   */
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
    /** @type {FailedCheck[]} */
    let failed = [];
    let outdated = "";
    try {
      const response = await fetch("/readyz");
      /** @type {{checks?: Record<string, {status: string, reason?: string, ready?: boolean}>}} */
      const { checks = {} } = await response.json();
      failed = Object.entries(checks)
        .filter(([, check]) => !(check.ready ?? ["ok", "connected", "ready"].includes(check.status)))
        .map(([name, { status, reason }]) => ({ name, status, reason }));
      outdated = checks.configuration?.reason ?? "";
    } catch {
      // The gateway does not answer; the state of the WebSocket shows that.
    }
    const text = JSON.stringify([failed, outdated]);
    if (text === this.#last) return;
    this.#last = text;
    this.#onChange(failed, outdated);
  }
}

/** The banner of a failed or damaged storage. */
export class StorageBanner {
  #banner = byID("storage-banner", "div");
  #title = byID("storage-banner-title", "strong");
  #text = byID("storage-banner-text", "span");

  /** @param {FailedCheck[]} failed */
  show(failed) {
    const storage = failed.find(({ name }) => name === "storage");
    // New readings are stored while only a part of the old ones is damaged.
    const isReadable = storage?.status !== "unreadable";
    document.documentElement.dataset.storage = storage && isReadable ? "failing" : "ok";
    const reason = storage?.reason?.trim().replace(/[.]$/, "");
    setText(this.#title, isReadable
      ? "The gateway cannot store readings." : "The gateway cannot read a part of what it stored.");
    setText(this.#text, storage
      ? `${reason ? `The reason: ${reason}. ` : ""}${isReadable
        ? "Nothing new is shown, because it could not be kept. "
          + "Devices whose broker waits for the gateway lose nothing; it goes on by itself."
        : "Charts and messages may be missing; new readings are stored and shown."}`
      : "");
    this.#banner.hidden = !storage;
  }
}
