/**
 * Windsock's client library: one WebSocket to a gateway that stays up.
 *
 * It reconnects by itself (exponential back-off with full jitter), resumes its joins, answers commands with promises
 * and knows the gateway's clock. No dependencies; works in browsers and wherever a standard `WebSocket` is.
 *
 *     const client = new WindsockClient({ url: "/ws", token });
 *     client.join("sensors/+", { onData: ({ device, data }) => console.log(device, data.temperature) });
 *     client.connect();
 *
 * @module windsock-client
 */
import { Backoff } from "./client/backoff.js";
import { ClockEstimate } from "./client/clock-estimate.js";
import { callSafely, Emitter } from "./client/emitter.js";
import { WindsockError } from "./client/errors.js";
import { PendingRequests } from "./client/pending-requests.js";
import { Rooms } from "./client/rooms.js";

export { WindsockError };

/**
 * One reading, as `data_update` carries it.
 * @typedef {object} DataUpdate
 * @property {string} room_id the concrete room
 * @property {string} device
 * @property {Record<string, number>} data values by metric, and `timestamp`: Unix seconds, fractional
 * @property {Record<string, string>} [units] by metric
 * @property {boolean} [snapshot] the latest value from before the join: it replaces what was known
 * @property {number} [age_ms] of a snapshot
 * @property {boolean} [retained] kept by the broker; without `age_ms` nobody knows how old it is
 * @property {number} [device_time] the implausible time that the device claimed, Unix seconds
 */
/**
 * A message of the gateway.
 * @typedef {object} Envelope
 * @property {string} type
 * @property {any} payload
 * @property {string} timestamp RFC 3339
 * @property {string} [id]
 */
/**
 * Where the connection stands.
 * @typedef {object} ConnectionState
 * @property {"idle" | "connecting" | "open" | "waiting" | "closed"} state `closed` is final: sign in again or close()
 * @property {number} [retryAt] `waiting`: when the next attempt comes, in the milliseconds of `now()`
 * @property {number} [attempt] `waiting`: how many attempts have failed in a row
 * @property {number} [code] `waiting` and `closed`: the close code
 * @property {string} [reason]
 */
/**
 * @typedef {object} JoinOptions
 * @property {(update: DataUpdate, envelope: Envelope) => void} [onData]
 * @property {(gap: {room_id: string, dropped: number}) => void} [onGap] readings were left out: this client is slow
 * @property {(joined: object) => void} [onJoined] after the first join and after each rejoin, before the snapshot
 * @property {(error: WindsockError) => void} [onError] the room cannot be joined
 * @property {number} [maxRateHz] at most so many readings a second of each device and set of metrics
 */
/**
 * @typedef {object} Options
 * @property {string | URL} url the gateway's `/ws`; `http(s)` and relative addresses are fine in a browser
 * @property {string | (() => string)} token
 * @property {typeof WebSocket} [WebSocket]
 * @property {(token: string) => Promise<boolean>} [checkToken] asked after a refused handshake, whose 401 a browser
 *   hides: `false` ends the client with code 4500
 * @property {() => number} [random] 0 ≤ x < 1
 * @property {() => number} [now] Unix milliseconds
 * @property {number} [backoffBaseMs] 500
 * @property {number} [backoffCapMs] 30,000
 * @property {number} [stableAfterMs] a connection that held so long resets the back-off: 10,000
 * @property {number} [connectTimeoutMs] until `welcome`: 10,000
 * @property {number} [requestTimeoutMs] 10,000
 * @property {number} [maxPendingRequests] 256
 * @property {number} [clockIntervalMs] between round trips, which also find a dead connection: 20,000
 */

const protocol = "windsock.v1";
/** Round trips right after `welcome`, so that the clock is good from the start. */
const firstClockSyncs = 5;

/** A client of one gateway. */
export class WindsockClient {
  #options;
  #emitter = new Emitter();
  #backoff;
  #clock = new ClockEstimate();
  #requests;
  #rooms;
  /** @type {ConnectionState} */
  #state = { state: "idle" };
  #socket = null;
  /** By purpose, of the current connection or wait; all are cleared together. */
  #timers = new Map();
  #removeWakeListeners = () => {};

  /** @param {Options} options */
  constructor(options) {
    this.#options = {
      WebSocket: globalThis.WebSocket,
      random: Math.random,
      now: () => performance.timeOrigin + performance.now(),
      backoffBaseMs: 500,
      backoffCapMs: 30_000,
      stableAfterMs: 10_000,
      connectTimeoutMs: 10_000,
      requestTimeoutMs: 10_000,
      maxPendingRequests: 256,
      clockIntervalMs: 20_000,
      ...options,
    };
    const { url, token, WebSocket, backoffBaseMs, backoffCapMs, random, maxPendingRequests, requestTimeoutMs } =
      this.#options;
    if (!url) throw new TypeError("\"url\" is missing: the address of the gateway's /ws.");
    if (!token) throw new TypeError("\"token\" is missing: `windsock token` makes one.");
    if (!WebSocket) throw new TypeError("There is no WebSocket here: pass one as the option \"WebSocket\".");
    this.#backoff = new Backoff({ baseMs: backoffBaseMs, capMs: backoffCapMs, random });
    this.#requests = new PendingRequests({ limit: maxPendingRequests, timeoutMs: requestTimeoutMs });
    this.#rooms = new Rooms(
      (type, payload) => this.request(type, payload),
      (error) => this.#emitter.emit("error", error),
    );
  }

  /** @returns {ConnectionState} */
  get state() {
    return this.#state;
  }

  /** Gateway time minus ours, in milliseconds, and how far off that can be (Infinity before the first round trip). */
  get clock() {
    return this.#clock.value;
  }

  /** The gateway's time: Unix milliseconds. */
  serverNow() {
    return this.#options.now() + this.#clock.value.offsetMs;
  }

  /**
   * Listens. Events: `state` ({@link ConnectionState}), `welcome` (payload), `data` ({@link DataUpdate}), `gap`
   * (payload), `error` ({@link WindsockError}), `message` (every {@link Envelope}, of whatever type).
   * @param {"state" | "welcome" | "data" | "gap" | "error" | "message"} event
   * @param {Function} listener
   * @returns {() => void} stops listening
   */
  on(event, listener) {
    return this.#emitter.on(event, listener);
  }

  /** Connects, and goes on doing so until {@link close}. Does nothing while it already is. */
  connect() {
    if (this.#state.state === "idle" || this.#state.state === "closed") {
      this.#listenForWaking();
      this.#backoff.reset();
      this.#open();
    }
  }

  /** Tries at once instead of waiting. Does nothing unless it waits. */
  retryNow() {
    if (this.#state.state === "waiting") this.#open();
  }

  /** Closes for good; joins end with the code `closed`. */
  close() {
    this.#finish({ state: "closed", code: 1000, reason: "closed by the client" });
  }

  /**
   * Joins a room or a filter, now or as soon as there is a connection, and again after each reconnect.
   * @param {string} room for example `sensors/greenhouse-1` or `sensors/+`
   * @param {JoinOptions} [options]
   * @returns {import("./client/rooms.js").RoomHandle} with `ready` (a promise) and `leave()`
   */
  join(room, options = {}) {
    return this.#rooms.join(room, options);
  }

  /**
   * Sends a command and waits for its answer.
   * @param {string} type
   * @param {object} payload
   * @param {number} [timeoutMs]
   * @returns {Promise<any>} the answer's payload; rejects with a {@link WindsockError}
   */
  request(type, payload, timeoutMs) {
    const socket = this.#socket;
    if (this.#state.state !== "open" || !socket) {
      return Promise.reject(new WindsockError("disconnected", "There is no connection.", true));
    }
    return this.#requests.start((id) => socket.send(JSON.stringify({ type, payload, id })), timeoutMs);
  }

  // Connecting

  #open() {
    this.#clearTimers();
    const { WebSocket, token, url, connectTimeoutMs } = this.#options;
    const bearer = typeof token === "function" ? token() : token;
    let socket;
    try {
      socket = new WebSocket(webSocketURL(url), [protocol, `bearer.${bearer}`]);
    } catch (error) {
      // Only an address or a token that cannot stand in a handshake gets here; waiting would not mend it.
      this.#finish({ state: "closed", code: 4500, reason: error.message });
      return;
    }
    this.#socket = socket;
    let hasOpened = false;
    socket.addEventListener("open", () => (hasOpened = true));
    socket.addEventListener("message", (event) => this.#socket === socket && this.#receive(event.data));
    const lost = (code, reason) => this.#socket === socket && this.#lost(code, reason, hasOpened, bearer);
    socket.addEventListener("close", (event) => lost(event.code, event.reason));
    // Browsers send `close` right after `error`; Node 20 leaves it out when the handshake fails.
    socket.addEventListener("error", () => setTimeout(() => lost(1006, "")));
    this.#after("connect", connectTimeoutMs, () => this.#abandon("The gateway did not answer in time."));
    this.#setState({ state: "connecting" });
  }

  #welcomed(payload) {
    this.#clearTimers();
    this.#after("stable", this.#options.stableAfterMs, () => this.#backoff.reset());
    this.#clock.reset();
    this.#setState({ state: "open" });
    this.#emitter.emit("welcome", payload);
    this.#rooms.resume();
    this.#syncClock();
  }

  async #lost(code, reason, hasOpened, bearer) {
    this.#disconnect();
    if (isFinal(code)) return this.#finish({ state: "closed", code, reason });
    const delay = this.#backoff.next();
    const waiting = {
      state: "waiting", code, reason, attempt: this.#backoff.attempt, retryAt: this.#options.now() + delay,
    };
    this.#after("retry", delay, () => this.#open());
    this.#setState(waiting);
    if (!hasOpened && (await this.#isRefused(bearer)) && this.#state.state !== "open") {
      this.#finish({ state: "closed", code: 4500, reason: "The gateway does not accept the token." });
    }
  }

  async #isRefused(bearer) {
    try {
      return (await this.#options.checkToken?.(bearer)) === false;
    } catch {
      return false;
    }
  }

  /** Gives up on a connection that does not answer, without waiting for its close handshake. */
  #abandon(reason) {
    const socket = this.#socket;
    if (!socket) return;
    this.#lost(1006, reason, true);
    socket.close();
  }

  #finish(state) {
    const socket = this.#socket;
    this.#disconnect();
    this.#removeWakeListeners();
    this.#rooms.fail(new WindsockError("closed", state.reason || `closed with code ${state.code}`));
    socket?.close();
    this.#setState(state);
  }

  #disconnect() {
    this.#socket = null;
    this.#clearTimers();
    this.#rooms.pause();
    this.#requests.rejectAll(new WindsockError("disconnected", "The connection was lost.", true));
  }

  #setState(state) {
    this.#state = state;
    this.#emitter.emit("state", state);
  }

  // Messages

  #receive(text) {
    let message;
    try {
      message = JSON.parse(text);
      if (typeof message.type !== "string" || typeof message.payload !== "object" || message.payload === null) {
        throw new TypeError("it has no type or no payload");
      }
    } catch (error) {
      this.#emitter.emit("error", new WindsockError("bad_message", `A message could not be read: ${error.message}`));
      return;
    }
    this.#dispatch(message);
    this.#emitter.emit("message", message);
  }

  #dispatch(message) {
    const { type, payload } = message;
    if (type === "data_update") {
      this.#emitter.emit("data", payload);
      for (const handle of this.#rooms.handlesFor(payload.room_id)) callSafely(handle.options.onData, payload, message);
    } else if (type === "gap") {
      this.#emitter.emit("gap", payload);
      for (const handle of this.#rooms.handlesFor(payload.room_id)) callSafely(handle.options.onGap, payload);
    } else if (type === "welcome") {
      this.#welcomed(payload);
    } else {
      if (type === "joined") this.#rooms.answered(payload);
      const isAnswer = this.#requests.settle(message);
      if (type === "error" && !isAnswer) {
        this.#emitter.emit("error", new WindsockError(payload.code, payload.message, payload.temporary));
      }
    }
  }

  // The clock, and whether the gateway is still there

  async #syncClock() {
    const socket = this.#socket;
    try {
      const { now } = this.#options;
      const answer = await this.request("clock_sync", { t0: now() });
      this.#clock.add(answer.t0, answer.t1, answer.t2, now());
    } catch (error) {
      // A page cannot see the gateway's pings: a command without an answer is how it notices a dead connection.
      if (this.#socket === socket && error.code === "timeout") this.#abandon("The gateway stopped answering.");
    }
    if (this.#socket !== socket || this.#state.state !== "open") return;
    const isSettling = this.#clock.sampleCount < firstClockSyncs;
    this.#after("clock", isSettling ? 100 : this.#options.clockIntervalMs, () => this.#syncClock());
  }

  // Waking

  #listenForWaking() {
    const wake = () => {
      if (this.#state.state === "waiting") this.#open();
      // A computer that slept holds a connection that the gateway gave up long ago: ask at once.
      if (this.#state.state === "open") this.#syncClock();
    };
    const wakeWhenVisible = () => globalThis.document.visibilityState === "visible" && wake();
    globalThis.addEventListener?.("online", wake);
    globalThis.document?.addEventListener("visibilitychange", wakeWhenVisible);
    this.#removeWakeListeners = () => {
      globalThis.removeEventListener?.("online", wake);
      globalThis.document?.removeEventListener("visibilitychange", wakeWhenVisible);
    };
  }

  #after(purpose, delayMs, action) {
    clearTimeout(this.#timers.get(purpose));
    this.#timers.set(purpose, setTimeout(action, delayMs));
  }

  #clearTimers() {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}

/** 1008 and 45xx: coming back would end the same way. */
function isFinal(code) {
  return code === 1008 || (code >= 4500 && code <= 4599);
}

function webSocketURL(url) {
  const absolute = new URL(url, globalThis.location?.href);
  absolute.protocol = absolute.protocol.replace(/^http/, "ws");
  return absolute.href;
}
