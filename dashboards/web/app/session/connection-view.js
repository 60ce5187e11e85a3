import { byID, setText } from "../shared/dom.js";

/** @typedef {import("../../windsock-client.js").ConnectionState} ConnectionState */
/** @typedef {import("../shared/gateway-types.js").FailedCheck} FailedCheck */
/** @typedef {{room: string, message: string}} RefusedRoom */
/** @typedef {{kind: string, pill: string, title?: string, text?: string, canRetry?: boolean}} Description */

/**
 * Shows the state of the connection: a pill that is always visible, a banner when something is wrong, and a sentence
 * for screen readers after a change. `data-connection` and `data-broker` of the root element have the same state.
 */
export class ConnectionView {
  #pill = byID("connection", "span");
  #pillText = byID("connection-text", "span");
  #banner = byID("banner", "div");
  #bannerTitle = byID("banner-title", "strong");
  #bannerText = byID("banner-text", "span");
  #retry = byID("banner-retry", "button");
  #announcer = byID("announcer", "p");
  /** @type {ConnectionState} */
  #state = { state: "idle" };
  /** @type {FailedCheck[]} */
  #failed = [];
  #outdated = "";
  /** @type {RefusedRoom | null} */
  #refused = null;
  /**
   * Time of the loss of the connection, null while it is open.
   * @type {number | null}
   */
  #since = null;
  #announced = "";
  #now;

  /** @param {{now: () => number, onRetry: () => void}} options `now`: the milliseconds of the client's `retryAt` */
  constructor({ now, onRetry }) {
    this.#now = now;
    this.#retry.addEventListener("click", onRetry);
    for (const event of ["online", "offline"]) addEventListener(event, () => this.update());
    this.reset();
  }

  reset() {
    this.#state = { state: "idle" };
    this.#failed = [];
    this.#outdated = "";
    this.#refused = null;
    this.#since = null;
    this.#announced = "";
    this.update();
  }

  /** @param {ConnectionState} state */
  setState(state) {
    if (state.state === "open") this.#since = null;
    else this.#since ??= Date.now();
    this.#state = state;
    this.update();
  }

  /**
   * @param {FailedCheck[]} failed checks of `/readyz`
   * @param {string} outdated which changed files are not in use; empty for none
   */
  setFailedChecks(failed, outdated) {
    this.#failed = failed;
    this.#outdated = outdated;
    this.update();
  }

  /**
   * Sets a room of the dashboard that cannot be joined; `null` for none.
   * @param {RefusedRoom | null} refused
   */
  setRefusedRoom(refused) {
    // The first of several is shown, because the cause is the same.
    this.#refused = refused && (this.#refused ?? refused);
    this.update();
  }

  /** Updates all texts. Call it once a second for the countdown. */
  update() {
    const { kind, pill, title, text, canRetry } = this.#describe();
    document.documentElement.dataset.connection = this.#state.state;
    document.documentElement.dataset.broker = this.#failed.some(({ name }) => name === "mqtt") ? "down" : "ok";
    this.#pill.dataset.kind = kind;
    setText(this.#pillText, pill);
    this.#banner.hidden = !title;
    this.#banner.dataset.kind = kind;
    setText(this.#bannerTitle, title ?? "");
    setText(this.#bannerText, text ?? "");
    this.#retry.hidden = !canRetry;
    // The countdown is not announced.
    const announcement = title ?? pill;
    if (announcement !== this.#announced && this.#state.state !== "idle") {
      this.#announced = announcement;
      setText(this.#announcer, announcement);
    }
  }

  /** @returns {Description} */
  #describe() {
    const { state } = this.#state;
    const { retryAt, attempt } = this.#state.state === "waiting" ? this.#state : { retryAt: 0, attempt: 0 };
    const isOffline = navigator.onLine === false;
    if (state === "open") return this.#describeOpen();
    if (state === "idle" || state === "closed") return { kind: "off", pill: "Not connected" };
    if (isOffline) {
      return {
        kind: "bad", pill: "Offline", title: "This device is offline.",
        text: "The values below are the last ones that arrived. It connects again by itself.",
      };
    }
    // The first attempt, and a short interruption, are not reported.
    if (state === "connecting" && this.#since !== null && Date.now() - this.#since < 1_500) {
      return { kind: "busy", pill: "Connecting…" };
    }
    const seconds = Math.max(1, Math.ceil((retryAt - this.#now()) / 1000));
    const isWaiting = state === "waiting";
    return {
      kind: "bad", pill: isWaiting ? `Reconnecting in ${seconds} s` : "Reconnecting…",
      title: "The connection to the gateway is lost.",
      text: `The values below are the last ones that arrived. Next attempt ${isWaiting ? `in ${seconds} s` : "now"}`
        + `${attempt > 1 ? `, ${attempt} have failed` : ""}.`,
      canRetry: isWaiting,
    };
  }

  /** @returns {Description} */
  #describeOpen() {
    // A failed storage has its own banner. The gateway also leaves the broker then.
    const storage = this.#failed.find(({ name }) => name === "storage");
    if (storage && storage.status !== "unreadable") return { kind: "bad", pill: "Storage fails" };
    const broker = this.#failed.find(({ name }) => name === "mqtt");
    if (broker) {
      return {
        kind: "bad", pill: "Broker lost", title: "The gateway has lost its MQTT broker.",
        text: `No readings arrive until it is back; the gateway keeps trying. ${sentence(broker.reason)}`,
      };
    }
    if (storage) return { kind: "bad", pill: "Storage damaged" };
    if (this.#failed.length > 0) {
      const [{ name, status, reason }] = this.#failed;
      return {
        kind: "bad", pill: "Gateway not ready", title: `The gateway is not ready: ${name} is ${status}.`,
        text: sentence(reason),
      };
    }
    if (this.#refused) {
      const { room, message } = this.#refused;
      return {
        kind: "warn", pill: "Connected", title: `${room} cannot be joined.`,
        text: `${sentence(message)} Sign in with a token that was made with --join '${room}'.`,
      };
    }
    if (this.#outdated) {
      return {
        kind: "warn", pill: "Live", title: "A changed file of the gateway has a mistake.", text: this.#outdated,
      };
    }
    return { kind: "ok", pill: "Live" };
  }
}

/** @param {string | undefined} text */
function sentence(text) {
  if (!text) return "";
  const trimmed = text.trim();
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1) + (/[.!?]$/.test(trimmed) ? "" : ".");
}
