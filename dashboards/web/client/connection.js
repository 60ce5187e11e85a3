import { Backoff } from "./backoff.js";
import { WindsockError } from "./errors.js";
import { messageOf, webSocketURL } from "./http-api.js";

/** @typedef {import("../windsock-client.js").ConnectionState} ConnectionState */
/**
 * @typedef {object} ConnectionOptions
 * @property {string | URL} url
 * @property {typeof WebSocket} WebSocket
 * @property {() => number} now
 * @property {() => number} random
 * @property {number} backoffBaseMs
 * @property {number} backoffCapMs
 * @property {number} stableAfterMs
 * @property {number} connectTimeoutMs
 */
/**
 * @typedef {object} ConnectionPorts
 * @property {(state: ConnectionState) => void} onState
 * @property {() => void} onSocket a socket was created
 * @property {(text: string) => void} onMessage
 * @property {() => void} onDisconnect the socket, if there was one, is gone
 * @property {(error: WindsockError) => void} onEnd the connection is closed for good
 * @property {() => void} onWake the computer may have slept while the connection was open
 * @property {() => void} onLeave the page is being left
 */

const protocol = "windsock.v1";

/**
 * A WebSocket that reconnects.
 *
 *     idle ── connect() ──▶ connecting ── welcomed() ──▶ open
 *                             ▲    └────── lost ──────────┤
 *                             └── back-off, wake ── waiting ◀┘
 *     any state ── close(), or a final close code ──▶ closed ── connect() ──▶ connecting
 *
 * A port may call back before it returns: a listener that closes the client also ends the attempt that called it.
 */
export class Connection {
  /** @type {ConnectionState} */
  #state = { state: "idle" };
  /** @type {WebSocket | null} */
  #socket = null;
  /**
   * Identity of the attempt that has no socket yet, null otherwise.
   * @type {object | null}
   */
  #attempt = null;
  #options;
  #tokens;
  #ports;
  #backoff;
  /**
   * The timer of the current state: connect timeout, stability of an open connection, or back-off.
   * @type {ReturnType<typeof setTimeout> | undefined}
   */
  #timer;
  #removeWakeListeners = () => {};

  /**
   * @param {ConnectionOptions} options
   * @param {import("./token.js").TokenSource} tokens
   * @param {ConnectionPorts} ports
   */
  constructor(options, tokens, ports) {
    this.#options = options;
    this.#tokens = tokens;
    this.#ports = ports;
    const { backoffBaseMs, backoffCapMs, random } = options;
    this.#backoff = new Backoff({ baseMs: backoffBaseMs, capMs: backoffCapMs, random });
  }

  get state() {
    return this.#state;
  }

  get isOpen() {
    return this.#state.state === "open" && this.#socket !== null;
  }

  /** Connects and stays connected. Does nothing unless idle or closed. */
  connect() {
    const { state } = this.#state;
    if (state !== "idle" && state !== "closed") return;
    this.#listenForWaking();
    this.#backoff.reset();
    this.#open();
  }

  /** Skips the back-off. Does nothing unless waiting. */
  retryNow() {
    if (this.#state.state === "waiting") this.#open();
  }

  close() {
    this.#finish({ state: "closed", code: 1000, reason: "closed by the client" });
  }

  /** @param {string} text */
  send(text) {
    this.#socket?.send(text);
  }

  /** Takes the gateway's `welcome`. */
  welcomed() {
    this.#after(this.#options.stableAfterMs, () => this.#backoff.reset());
    this.#setState({ state: "open" });
  }

  /**
   * Gives up a connection that does not answer, without awaiting the close handshake.
   * @param {string} reason
   */
  abandon(reason) {
    const socket = this.#socket;
    if (!socket) return;
    this.#lost(1006, reason);
    socket.close();
  }

  #open() {
    clearTimeout(this.#timer);
    const attempt = (this.#attempt = {});
    this.#setState({ state: "connecting" });
    // A listener may have closed the client.
    if (this.#attempt !== attempt) return;
    /** @type {string | Promise<string>} */
    let token;
    try {
      token = this.#tokens.next();
    } catch (error) {
      this.#lost(1006, `No token: ${messageOf(error)}`);
      return;
    }
    if (typeof token === "string") return this.#openWith(token);
    this.#after(this.#options.connectTimeoutMs, () => {
      if (this.#attempt === attempt) this.#lost(1006, "No token: its source did not answer in time.");
    });
    Promise.resolve(token).then(
      (bearer) => {
        if (this.#attempt === attempt) this.#openWith(bearer);
      },
      (error) => {
        if (this.#attempt === attempt) this.#lost(1006, `No token: ${messageOf(error)}`);
      },
    );
  }

  /** @param {string} bearer */
  #openWith(bearer) {
    const { WebSocket, url, connectTimeoutMs } = this.#options;
    this.#attempt = null;
    this.#tokens.bearer = bearer;
    /** @type {WebSocket} */
    let socket;
    try {
      socket = new WebSocket(webSocketURL(url), [protocol, `bearer.${bearer}`]);
    } catch (error) {
      // The URL or the token cannot be part of a handshake; a retry would fail as well.
      this.#finish({ state: "closed", code: 4500, reason: messageOf(error) });
      return;
    }
    this.#socket = socket;
    this.#ports.onSocket();
    let hasOpened = false;
    /** @type {(code: number, reason: string) => void} */
    const lost = (code, reason) => {
      if (this.#socket === socket) this.#lost(code, reason, hasOpened ? undefined : bearer);
    };
    socket.addEventListener("open", () => (hasOpened = true));
    socket.addEventListener("message", (event) => this.#socket === socket && this.#ports.onMessage(event.data));
    socket.addEventListener("close", (event) => lost(event.code, event.reason));
    // Browsers emit `close` right after `error`. Node 20 omits it when the handshake fails.
    socket.addEventListener("error", () => setTimeout(() => lost(1006, "")));
    this.#after(connectTimeoutMs, () => this.abandon("The gateway did not answer in time."));
  }

  /**
   * @param {number} code
   * @param {string} reason
   * @param {string} [refusable] the token of a handshake that failed, which may be the reason
   */
  async #lost(code, reason, refusable) {
    this.#disconnect();
    const canRenew = code === 4501 && this.#tokens.canRenew;
    if (isFinal(code) && !canRenew) return this.#finish({ state: "closed", code, reason });
    const delay = this.#backoff.next();
    const retryAt = this.#options.now() + delay;
    this.#after(delay, () => this.#open());
    this.#setState({ state: "waiting", code, reason, attempt: this.#backoff.attempt, retryAt });
    if (refusable === undefined || !(await this.#tokens.isRefused(refusable))) return;
    const { state } = this.#state;
    if (state === "waiting" || state === "connecting") {
      this.#finish({ state: "closed", code: 4500, reason: "The gateway does not accept the token." });
    }
  }

  /** Closes the connection until the page is shown again. */
  #suspend() {
    const socket = this.#socket;
    if (this.#state.state === "idle" || this.#state.state === "closed") return;
    this.#disconnect();
    socket?.close();
    this.#setState({ state: "waiting", attempt: 0, retryAt: this.#options.now() });
  }

  /** @param {ConnectionState & {state: "closed"}} state */
  #finish(state) {
    const socket = this.#socket;
    this.#disconnect();
    this.#removeWakeListeners();
    this.#ports.onEnd(new WindsockError("closed", state.reason || `closed with code ${state.code}`));
    socket?.close();
    this.#setState(state);
  }

  #disconnect() {
    this.#socket = null;
    this.#attempt = null;
    clearTimeout(this.#timer);
    this.#ports.onDisconnect();
  }

  /** @param {ConnectionState} state */
  #setState(state) {
    this.#state = state;
    this.#ports.onState(state);
  }

  #listenForWaking() {
    const wake = () => {
      if (this.#state.state === "waiting") this.#open();
      // After a sleep the gateway may have dropped the connection: check at once.
      if (this.#state.state === "open") this.#ports.onWake();
    };
    const page = globalThis.document;
    const wakeWhenVisible = () => page.visibilityState === "visible" && wake();
    // A browser may keep a page with its connection for the way back, although the user has left.
    const leave = () => {
      this.#ports.onLeave();
      this.#suspend();
    };
    globalThis.addEventListener?.("online", wake);
    globalThis.addEventListener?.("pageshow", wake);
    globalThis.addEventListener?.("pagehide", leave);
    page?.addEventListener("visibilitychange", wakeWhenVisible);
    this.#removeWakeListeners = () => {
      globalThis.removeEventListener?.("online", wake);
      globalThis.removeEventListener?.("pageshow", wake);
      globalThis.removeEventListener?.("pagehide", leave);
      page?.removeEventListener("visibilitychange", wakeWhenVisible);
    };
  }

  /**
   * @param {number} delayMs
   * @param {() => void} action
   */
  #after(delayMs, action) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(action, delayMs);
  }
}

/**
 * Whether a close code is permanent: a reconnect would end the same way.
 * @param {number} code
 */
function isFinal(code) {
  return code === 1008 || (code >= 4500 && code <= 4599);
}
