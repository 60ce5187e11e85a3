/**
 * Windsock's client library: one WebSocket to a gateway that stays up.
 *
 * It reconnects by itself (exponential back-off with full jitter), resumes its joins without a hole or a double,
 * sends again what was not acknowledged, renews its token and knows the gateway's clock. No dependencies; works in
 * browsers and wherever a standard `WebSocket` is (Node 22 and later).
 *
 *     const client = new WindsockClient({ url: "/ws", token });
 *     client.join("sensors/+", { onData: ({ device, data }) => console.log(device, data.temperature) });
 *     client.join("chat/lobby", { onMessage: ({ user_id, content }) => console.log(user_id, content) });
 *     client.connect();
 *     await client.sendToRoom("chat/lobby", "hello");
 *
 * @module windsock-client
 */
import { Backoff } from "./client/backoff.js";
import { GatewayClock } from "./client/clock.js";
import { callSafely, Emitter } from "./client/emitter.js";
import { WindsockError } from "./client/errors.js";
import { Outbox } from "./client/outbox.js";
import { PendingRequests } from "./client/pending-requests.js";
import { readReadings } from "./client/readings.js";
import { RoomLogs } from "./client/room-logs.js";
import { Rooms } from "./client/rooms.js";
import { renewalDelay } from "./client/token.js";
import { BrowserTraces } from "./client/traces.js";

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
 * @property {number} [offset] its position in the room's history
 * @property {string} [trace_id] of a traced message
 * @property {string} [span_id] of a traced message: what sent it
 * @property {string} [traceparent] of a traced message (W3C Trace Context)
 */
/**
 * What somebody said in a room.
 * @typedef {object} ChatMessage
 * @property {string} room_id
 * @property {string} user_id
 * @property {string} content
 * @property {string} message_id
 */
/**
 * What a user is told; `snapshot` when it waited for the user to come.
 * @typedef {object} Notification
 * @property {string} notification_id
 * @property {string} title
 * @property {string} body
 * @property {string} [link] http, https, or a path of the gateway's own origin
 * @property {"low" | "normal" | "high" | "critical"} priority
 * @property {string} created_at RFC 3339
 * @property {string} [expires_at] RFC 3339
 * @property {boolean} [snapshot]
 */
/**
 * An alert fired, was resolved, acknowledged or silenced. It is said without an offset in the room of the device, and
 * with one in the rooms that the rule names: whoever is in both gets it twice.
 * @typedef {object} AlertMessage
 * @property {string} room_id the room that it is said in
 * @property {object} alert as `GET /api/alerts` gives it: `alert_id`, `rule`, `severity`, `state`, `device`, `room_id`
 *   (the device's), `metric`, `condition`, `message`, `pending_at`, …
 */
/**
 * Messages that did not arrive: readings or presence left out because this client is slow, or a part of a room's
 * history that cannot be had any more.
 * @typedef {object} Gap
 * @property {string} room_id
 * @property {number} [dropped] how many
 * @property {string} [reason] why a part of the history is missing; absent otherwise
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
 * @property {(message: ChatMessage | AlertMessage, envelope: Envelope) => void} [onMessage] what is said in the room: in
 *   order, each once; `envelope.type` is `chat_message` or `alert`
 * @property {(presence: {room_id: string, user_id: string, event: "join" | "leave"}) => void} [onPresence]
 * @property {(status: object, envelope: Envelope) => void} [onStatus] a device came or went (`device_status`)
 * @property {(gap: Gap) => void} [onGap]
 * @property {(joined: object) => void} [onJoined] after the first join and after each rejoin, before the snapshot
 * @property {(error: WindsockError) => void} [onError] the room cannot be joined
 * @property {number} [maxRateHz] at most so many readings a second of each device and set of metrics
 */
/**
 * @typedef {object} Options
 * @property {string | URL} url the gateway's `/ws`; `http(s)` and relative addresses are fine in a browser
 * @property {string | (() => string)} [token]
 * @property {() => Promise<string>} [getToken] instead of `token`: asked before each connection, a minute before the
 *   token ends, and when the gateway says that it has ended
 * @property {typeof fetch} [fetch] reads the history of rooms where more was missed than a join replays
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
 * @property {number} [maxOutbox] messages that wait to be sent: 100
 * @property {number} [clockIntervalMs] between round trips, which also find a dead connection: 20,000
 * @property {boolean} [tracing] reports to the gateway when traced messages came and were
 *   {@link WindsockClient#painted}: true in a page, false elsewhere
 */

const protocol = "windsock.v1";
/** Notifications that are known, so that none is told twice. */
const maxKnownNotifications = 1_000;
/** What comes through the user's inbox. */
const inboxTypes = new Set(["direct_message", "notification", "notification_read"]);

/** A client of one gateway. */
export class WindsockClient {
  #options;
  #emitter = new Emitter();
  #backoff;
  #clock;
  /** @type {BrowserTraces | null} */
  #traces = null;
  /** When the message came that is being handled. */
  #arrivedAt = 0;
  #requests;
  #rooms;
  #logs;
  #outbox;
  #bearer = "";
  #userID = null;
  #unread = 0;
  #knownNotifications = new Set();
  /** @type {ConnectionState} */
  #state = { state: "idle" };
  #socket = null;
  /** Set while a token is being fetched for a connection. */
  #opening = null;
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
      maxOutbox: 100,
      fetch: globalThis.fetch?.bind(globalThis),
      clockIntervalMs: 20_000,
      tracing: globalThis.document !== undefined,
      ...options,
    };
    const { url, token, getToken, WebSocket, backoffBaseMs, backoffCapMs, random, maxPendingRequests } = this.#options;
    const { requestTimeoutMs, maxOutbox } = this.#options;
    if (!url) throw new TypeError("\"url\" is missing: the address of the gateway's /ws.");
    if (!token && !getToken) throw new TypeError("\"token\" is missing: `windsock token` makes one.");
    if (!WebSocket) throw new TypeError("There is no WebSocket here: pass one as the option \"WebSocket\".");
    this.#clock = new GatewayClock({ now: this.#options.now });
    this.#backoff = new Backoff({ baseMs: backoffBaseMs, capMs: backoffCapMs, random });
    this.#requests = new PendingRequests({ limit: maxPendingRequests, timeoutMs: requestTimeoutMs });
    const request = (type, payload) => this.request(type, payload);
    this.#logs = new RoomLogs({
      deliver: (message) => this.#deliver(message),
      onGap: (gap) => this.#tellGap(gap),
      readHistory: (room, after, limit) => this.#readHistory(room, after, limit),
    });
    this.#rooms = new Rooms(request, (error) => this.#emitter.emit("error", error), this.#logs);
    this.#outbox = new Outbox(request, maxOutbox);
  }

  /** @returns {ConnectionState} */
  get state() {
    return this.#state;
  }

  /** Who this client is: the token's `sub`; null before the first `welcome`. */
  get userID() {
    return this.#userID;
  }

  /** How many notifications the user has not read. */
  get unread() {
    return this.#unread;
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
   * Tells that a message was drawn, which ends its trace: with the next animation frame, or at the given time. Every
   * message may be told; those that are not traced, and a second time, do nothing.
   * @param {Envelope} envelope the very object that the listener got
   * @param {number} [at] when it was on the screen, for those who know better: milliseconds of the option `now`
   */
  painted(envelope, at) {
    this.#traces?.painted(envelope, at);
  }

  /** Tells that a message was taken but is not drawn, because nobody would see it. @param {Envelope} envelope */
  unpainted(envelope) {
    this.#traces?.unpainted(envelope);
  }

  /**
   * Listens. Events: `state` ({@link ConnectionState}), `welcome` (payload), `data` ({@link DataUpdate}), `chat`
   * ({@link ChatMessage}), `direct` ({user_id, content, message_id}), `notification` ({@link Notification}, each once),
   * `read` ({notification_ids} or {all: true}), `unread` (count), `presence`, `status` (of devices), `alert`
   * ({@link AlertMessage}), `gap` ({@link Gap}), `error` ({@link WindsockError}), `message` (every {@link Envelope}, as it came).
   * Listeners of what comes from rooms get the {@link Envelope} as a second value.
   * @param {string} event
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
   * Says something in a room: now or as soon as there is a connection, and again until the gateway has it, but once.
   * @param {string} room
   * @param {string} content
   * @param {{idempotencyKey?: string}} [options]
   * @returns {Promise<{message_id: string, offset: number}>} rejects with a {@link WindsockError}
   */
  sendToRoom(room, content, { idempotencyKey = newKey() } = {}) {
    return this.#outbox.send("send_to_room", { room_id: room, content, idempotency_key: idempotencyKey });
  }

  /**
   * Says something to one user, in the same way.
   * @param {string} user
   * @param {string} content
   * @param {{idempotencyKey?: string}} [options]
   * @returns {Promise<{message_id: string}>}
   */
  sendToUser(user, content, { idempotencyKey = newKey() } = {}) {
    return this.#outbox.send("send_to_user", { user_id: user, content, idempotency_key: idempotencyKey });
  }

  /**
   * Marks a notification as read, or all of them; the user's other clients are told.
   * @param {string} notification its id, or `all`
   * @returns {Promise<{unread: number}>}
   */
  async markRead(notification) {
    const payload = notification === "all" ? { all: true } : { notification_id: notification };
    const answer = await this.#outbox.send("mark_read", payload);
    this.#setUnread(answer.unread);
    return answer;
  }

  /**
   * Reads what a device measured: readings themselves while they fit into `points`, else buckets of lowest, average,
   * highest and count.
   * @param {{device: string, metric?: string | string[], room?: string, from?: Date | number | string,
   *   to?: Date | number | string, points?: number, signal?: AbortSignal}} question numbers are Unix seconds; `to` is now
   *   and `from` an hour before it unless they are given; no `metric` means all
   * @returns {Promise<{device: string, from: number, to: number, series: object[]}>} as `GET /api/readings` gives it;
   *   rejects with a {@link WindsockError}: `not_found` when nothing of this device is stored
   */
  async readings(question) {
    const { fetch, url, token, getToken } = this.#options;
    // The token of the connection, or the first one while there is none yet.
    const bearer = this.#bearer || (getToken ? await getToken() : typeof token === "function" ? token() : token);
    return readReadings(question, { fetch, url: new URL(httpURL(url, "/api/readings")), bearer });
  }

  /**
   * Goes on with another token of the same user; rooms that it does not grant are left.
   * @param {string} token
   * @returns {Promise<{expires_at: string}>}
   */
  async refreshToken(token) {
    const answer = await this.request("refresh_token", { token });
    this.#bearer = token;
    if (typeof this.#options.token === "string") this.#options.token = token;
    this.#renewInTime();
    return answer;
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
    this.#setState({ state: "connecting" });
    const { getToken, token } = this.#options;
    if (!getToken) return this.#openWith(typeof token === "function" ? token() : token);
    const opening = (this.#opening = {});
    getToken().then(
      (bearer) => this.#opening === opening && this.#openWith(bearer),
      (error) => this.#opening === opening && this.#lost(1006, `No token: ${error.message}`, true),
    );
  }

  #openWith(bearer) {
    const { WebSocket, url, connectTimeoutMs } = this.#options;
    this.#opening = null;
    this.#bearer = bearer;
    let socket;
    try {
      socket = new WebSocket(webSocketURL(url), [protocol, `bearer.${bearer}`]);
    } catch (error) {
      // Only an address or a token that cannot stand in a handshake gets here; waiting would not mend it.
      this.#finish({ state: "closed", code: 4500, reason: error.message });
      return;
    }
    this.#socket = socket;
    this.#traces ??= this.#makeTraces();
    let hasOpened = false;
    socket.addEventListener("open", () => (hasOpened = true));
    socket.addEventListener("message", (event) => this.#socket === socket && this.#receive(event.data));
    const lost = (code, reason) => this.#socket === socket && this.#lost(code, reason, hasOpened, bearer);
    socket.addEventListener("close", (event) => lost(event.code, event.reason));
    // Browsers send `close` right after `error`; Node 20 leaves it out when the handshake fails.
    socket.addEventListener("error", () => setTimeout(() => lost(1006, "")));
    this.#after("connect", connectTimeoutMs, () => this.#abandon("The gateway did not answer in time."));
  }

  #welcomed(payload) {
    this.#clearTimers();
    this.#after("stable", this.#options.stableAfterMs, () => this.#backoff.reset());
    this.#clock.reset();
    this.#userID = payload.user_id;
    this.#logs.keep(this.#inbox);
    this.#logs.setEpoch(payload.inbox?.epoch);
    this.#setState({ state: "open" });
    this.#emitter.emit("welcome", payload);
    if (typeof payload.unread === "number") this.#setUnread(payload.unread);
    this.#resumeInbox(payload.inbox);
    this.#rooms.resume();
    this.#outbox.resume();
    this.#renewInTime();
    this.#syncClock();
  }

  /** The gateway has joined the inbox already; what was missed since the last connection must be asked for. */
  #resumeInbox(position) {
    if (!position) return;
    const log = this.#logs.of(this.#inbox);
    if (log.since === undefined) return log.begin(position.offset, position.epoch);
    if (log.epoch === position.epoch && log.offset === position.offset) return;
    const payload = { room_id: this.#inbox, since: log.since };
    const socket = this.#socket;
    log.joining();
    this.request("join_room", payload).catch((error) => {
      if (this.#socket !== socket) return;
      this.#emitter.emit("error", error);
      // The gateway has joined the inbox all the same: what was missed is in the history.
      log.catchUp();
    });
  }

  get #inbox() {
    return `users/${this.#userID}`;
  }

  #renewInTime() {
    const { getToken } = this.#options;
    const delay = getToken ? renewalDelay(this.#bearer, this.#options.now()) : null;
    if (delay === null) return;
    this.#after("token", delay, async () => {
      try {
        await this.refreshToken(await getToken());
      } catch (error) {
        // The gateway ends the connection when the token does; the next one begins with a new token.
        this.#emitter.emit("error", error);
      }
    });
  }

  async #lost(code, reason, hasOpened, bearer) {
    this.#disconnect();
    const canRenew = code === 4501 && this.#options.getToken;
    if (isFinal(code) && !canRenew) return this.#finish({ state: "closed", code, reason });
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

  /** Closes the connection until the page is shown again. */
  #suspend() {
    const socket = this.#socket;
    if (this.#state.state === "idle" || this.#state.state === "closed") return;
    this.#disconnect();
    socket?.close();
    this.#setState({ state: "waiting", attempt: 0, retryAt: this.#options.now() });
  }

  #finish(state) {
    const socket = this.#socket;
    this.#disconnect();
    this.#removeWakeListeners();
    this.#traces?.close();
    this.#traces = null;
    const error = new WindsockError("closed", state.reason || `closed with code ${state.code}`);
    this.#rooms.fail(error);
    this.#outbox.fail(error);
    socket?.close();
    this.#setState(state);
  }

  #disconnect() {
    this.#socket = null;
    this.#opening = null;
    this.#clearTimers();
    this.#rooms.pause();
    this.#outbox.pause();
    this.#requests.rejectAll(new WindsockError("disconnected", "The connection was lost.", true));
  }

  #setState(state) {
    this.#state = state;
    this.#emitter.emit("state", state);
  }

  // Messages

  #receive(text) {
    const arrivedAt = (this.#arrivedAt = this.#options.now());
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
    this.#traces?.received(message, arrivedAt);
    this.#dispatch(message);
    this.#emitter.emit("message", message);
  }

  #dispatch(message) {
    const { type, payload } = message;
    switch (type) {
      case "data_update":
        return this.#tell("data", "onData", payload, message);
      case "device_status":
        return this.#tell("status", "onStatus", payload, message);
      case "presence":
        return this.#tell("presence", "onPresence", payload, message);
      case "alert":
        // In the room of its device, which remembers readings only, it has no offset.
        if (message.offset === undefined) return this.#tell("alert", "onMessage", payload, message);
        break;
      case "gap":
        return this.#tellGap(payload);
      case "welcome":
        return this.#welcomed(payload);
      case "notification":
        // Those that waited for the user come without an offset; all others are part of the inbox.
        if (message.offset === undefined) return this.#notified(payload);
    }
    const room = inboxTypes.has(type) ? this.#inbox : payload.room_id;
    if (message.offset !== undefined && room) return this.#logs.of(room).receive(message);
    if (type === "joined") {
      if (payload.epoch !== undefined) this.#logs.of(payload.room_id).joined(payload);
      this.#rooms.answered(payload);
    }
    if (type === "left" && message.id === undefined) this.#rooms.lost(payload.room_id, payload.reason);
    const isAnswer = this.#requests.settle(message);
    if (type === "error" && !isAnswer) {
      this.#emitter.emit("error", new WindsockError(payload.code, payload.message, payload.temporary));
    }
  }

  /** A message of a room that remembers, in order and once. */
  #deliver(message) {
    const { type, payload } = message;
    if (type === "chat_message") this.#tell("chat", "onMessage", payload, message);
    if (type === "alert") this.#tell("alert", "onMessage", payload, message);
    if (type === "direct_message") this.#emitter.emit("direct", payload);
    if (type === "notification") this.#notified(payload);
    if (type === "notification_read") {
      this.#emitter.emit("read", payload);
      this.#setUnread(payload.unread);
    }
  }

  #notified(payload) {
    if (this.#knownNotifications.has(payload.notification_id)) return;
    if (this.#knownNotifications.size >= maxKnownNotifications) {
      this.#knownNotifications.delete(this.#knownNotifications.values().next().value);
    }
    this.#knownNotifications.add(payload.notification_id);
    // What waited is counted in `welcome` already.
    if (!payload.snapshot) this.#setUnread(this.#unread + 1);
    this.#emitter.emit("notification", payload);
  }

  #setUnread(count) {
    if (count === this.#unread) return;
    this.#unread = count;
    this.#emitter.emit("unread", count);
  }

  #tell(event, callback, payload, message) {
    this.#emitter.emit(event, payload, message);
    for (const handle of this.#rooms.handlesFor(payload.room_id)) callSafely(handle.options[callback], payload, message);
  }

  #tellGap(gap) {
    this.#emitter.emit("gap", gap);
    for (const handle of this.#rooms.handlesFor(gap.room_id)) callSafely(handle.options.onGap, gap);
  }

  async #readHistory(room, after, limit) {
    const { fetch, url } = this.#options;
    if (!fetch) throw new WindsockError("unsupported", "There is no fetch here to read the history with.");
    const address = httpURL(url, "/api/rooms/history");
    address.search = new URLSearchParams({ room_id: room, after, limit }).toString();
    let response;
    try {
      response = await fetch(address, { headers: { Authorization: `Bearer ${this.#bearer}` } });
      if (response.ok) return await response.json();
    } catch (error) {
      throw new WindsockError("history", `The history cannot be read: ${error.message}`, true);
    }
    const isTemporary = response.status >= 500 || response.status === 429;
    throw new WindsockError("history", `The history cannot be read (HTTP ${response.status}).`, isTemporary);
  }

  #makeTraces() {
    const { tracing, fetch, url, now, random } = this.#options;
    if (!tracing || !fetch) return null;
    const token = () => this.#bearer;
    return new BrowserTraces({ now, random, fetch, token, clock: this.#clock, url: httpURL(url, "/v1/traces").href });
  }

  // The clock, and whether the gateway is still there

  async #syncClock() {
    const socket = this.#socket;
    try {
      const { now } = this.#options;
      const answer = await this.request("clock_sync", { t0: now() });
      this.#clock.add(answer.t0, answer.t1, answer.t2, this.#arrivedAt);
    } catch (error) {
      // A page cannot see the gateway's pings: a command without an answer is how it notices a dead connection.
      if (this.#socket === socket && error.code === "timeout") this.#abandon("The gateway stopped answering.");
    }
    if (this.#socket !== socket || this.#state.state !== "open") return;
    this.#after("clock", this.#clock.isSettled ? this.#options.clockIntervalMs : 100, () => this.#syncClock());
  }

  // Waking

  #listenForWaking() {
    const wake = () => {
      if (this.#state.state === "waiting") this.#open();
      // A computer that slept holds a connection that the gateway gave up long ago: ask at once.
      if (this.#state.state === "open") this.#syncClock();
    };
    const wakeWhenVisible = () => globalThis.document.visibilityState === "visible" && wake();
    // A page that was left may be kept for the way back, with its connection: its user is not here any more.
    const leave = () => {
      this.#traces?.leave();
      this.#suspend();
    };
    globalThis.addEventListener?.("online", wake);
    globalThis.addEventListener?.("pageshow", wake);
    globalThis.addEventListener?.("pagehide", leave);
    globalThis.document?.addEventListener("visibilitychange", wakeWhenVisible);
    this.#removeWakeListeners = () => {
      globalThis.removeEventListener?.("online", wake);
      globalThis.removeEventListener?.("pageshow", wake);
      globalThis.removeEventListener?.("pagehide", leave);
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

/** Nobody else's, with 122 random bits; `randomUUID` is there in secure contexts only. */
function newKey() {
  if (globalThis.crypto.randomUUID) return globalThis.crypto.randomUUID();
  return Array.from(globalThis.crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}

/** 1008 and 45xx: coming back would end the same way. */
function isFinal(code) {
  return code === 1008 || (code >= 4500 && code <= 4599);
}

/** A path of the gateway whose `/ws` is known. */
function httpURL(url, path) {
  const address = new URL(webSocketURL(url));
  address.protocol = address.protocol.replace(/^ws/, "http");
  address.pathname = address.pathname.replace(/\/ws$/, path);
  return address;
}

function webSocketURL(url) {
  const absolute = new URL(url, globalThis.location?.href);
  absolute.protocol = absolute.protocol.replace(/^http/, "ws");
  return absolute.href;
}
