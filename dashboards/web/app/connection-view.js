import { setText } from "./dom.js";

/**
 * Shows where the connection stands: a pill that is always there, a banner when something is wrong, and one sentence
 * for screen readers when it changes. The root element's `data-connection` and `data-broker` say the same.
 */
export class ConnectionView {
  #pill = document.getElementById("connection");
  #pillText = document.getElementById("connection-text");
  #banner = document.getElementById("banner");
  #bannerTitle = document.getElementById("banner-title");
  #bannerText = document.getElementById("banner-text");
  #retry = document.getElementById("banner-retry");
  #announcer = document.getElementById("announcer");
  #state = { state: "idle" };
  #failed = [];
  #refused = null;
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
    this.#refused = null;
    this.#since = null;
    this.#announced = "";
    this.update();
  }

  /** @param {import("../windsock-client.js").ConnectionState} state */
  setState(state) {
    if (state.state === "open") this.#since = null;
    else this.#since ??= Date.now();
    this.#state = state;
    this.update();
  }

  /** @param {{name: string, status: string, reason?: string}[]} failed what `/readyz` complains about */
  setFailedChecks(failed) {
    this.#failed = failed;
    this.update();
  }

  /** A room of the dashboard that cannot be joined; `null` when all is well. @param {{room, message} | null} refused */
  setRefusedRoom(refused) {
    // Of several the first: the cause is the same.
    this.#refused = refused && (this.#refused ?? refused);
    this.update();
  }

  /** Writes everything anew; once a second while it counts down. */
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
    // The countdown stays out of it: nobody wants to hear every second.
    const announcement = title ?? pill;
    if (announcement !== this.#announced && this.#state.state !== "idle") {
      this.#announced = announcement;
      setText(this.#announcer, announcement);
    }
  }

  #describe() {
    const { state, retryAt, attempt } = this.#state;
    const isOffline = navigator.onLine === false;
    if (state === "open") return this.#describeOpen();
    if (state === "idle" || state === "closed") return { kind: "off", pill: "Not connected" };
    if (isOffline) {
      return {
        kind: "bad", pill: "Offline", title: "This device is offline.",
        text: "The values below are the last ones that arrived. It connects again by itself.",
      };
    }
    // The first try, and a hiccup, are no news.
    if (state === "connecting" && this.#since !== null && Date.now() - this.#since < 1_500) {
      return { kind: "busy", pill: "Connecting…" };
    }
    const seconds = Math.max(1, Math.ceil(((retryAt ?? 0) - this.#now()) / 1000));
    const isWaiting = state === "waiting";
    return {
      kind: "bad", pill: isWaiting ? `Reconnecting in ${seconds} s` : "Reconnecting…",
      title: "The connection to the gateway is lost.",
      text: `The values below are the last ones that arrived. Next attempt ${isWaiting ? `in ${seconds} s` : "now"}`
        + `${attempt > 1 ? `, ${attempt} have failed` : ""}.`,
      canRetry: isWaiting,
    };
  }

  #describeOpen() {
    // It has a banner of its own; without storage the gateway leaves its broker, too.
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
    return { kind: "ok", pill: "Live" };
  }
}

function sentence(text) {
  if (!text) return "";
  const trimmed = text.trim();
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1) + (/[.!?]$/.test(trimmed) ? "" : ".");
}
