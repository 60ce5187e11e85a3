import { ClockSync, GatewayClock } from "./clock.js";
import { Connection } from "./connection.js";
import { callSafely, Emitter } from "./emitter.js";
import { WindsockError } from "./errors.js";
import { httpURL, messageOf, readHistory, readReadings } from "./http-api.js";
import { Inbox } from "./inbox.js";
import { Outbox } from "./outbox.js";
import { PendingRequests } from "./pending-requests.js";
import { RoomLogs } from "./room-log.js";
import { Rooms } from "./rooms.js";
import { TokenSource } from "./token.js";
import { BrowserTraces } from "./traces.js";

/** @typedef {import("../windsock-client.js").Envelope} Envelope */
/** @typedef {import("../windsock-client.js").Events} Events */
/** @typedef {import("../windsock-client.js").Options} Options */
/**
 * The options with their defaults. `fetch` is undefined where there is none.
 * @typedef {Required<Omit<Options, "token" | "getToken" | "checkToken" | "fetch">>
 *   & Pick<Options, "token" | "getToken" | "checkToken" | "fetch">} Settings
 */
/** @typedef {"onData" | "onMessage" | "onPresence" | "onStatus"} MessageCallback */

/**
 * A client of one gateway. `windsock-client.d.ts` documents its API.
 *
 *     Connection ──text──▶ dispatch ──▶ RoomLogs ──in order──▶ Rooms, Inbox ──▶ listeners
 *         ▲                   ├──▶ PendingRequests ──▶ promises
 *         └──── request() ◀── Outbox, Rooms, Inbox, ClockSync, TokenSource
 */
export class WindsockClient {
  /** @type {Settings} */
  #settings;
  #emitter = new Emitter();
  /** @type {Connection} */
  #connection;
  #tokens;
  #clock;
  /** @type {ClockSync} */
  #clockSync;
  #requests;
  #rooms;
  #logs;
  #inbox;
  #outbox;
  /** @type {BrowserTraces | null} */
  #traces = null;
  /** Arrival time of the message that is being handled. */
  #arrivedAt = 0;

  /** @param {Options} options */
  constructor(options) {
    const settings = { ...defaults(), ...options };
    this.#settings = settings;
    const { url, token, getToken, now } = settings;
    if (!url) throw new TypeError("\"url\" is missing: the address of the gateway's /ws.");
    if (!token && !getToken) throw new TypeError("\"token\" is missing: `windsock token` makes one.");
    if (!settings.WebSocket) throw new TypeError("There is no WebSocket here: pass one as the option \"WebSocket\".");
    /** @type {(type: string, payload: object) => Promise<any>} */
    const request = (type, payload) => this.request(type, payload);
    /** @type {(error: unknown) => void} */
    const onError = (error) => this.#emitter.emit("error", error);
    this.#clock = new GatewayClock({ now });
    this.#clockSync = new ClockSync(this.#clock, {
      now, request, arrivedAt: () => this.#arrivedAt,
      onTimeout: () => this.#connection.abandon("The gateway stopped answering."),
    }, settings.clockIntervalMs);
    this.#tokens = new TokenSource(settings, { renew: (renewed) => this.refreshToken(renewed), onError });
    this.#requests = new PendingRequests({ limit: settings.maxPendingRequests, timeoutMs: settings.requestTimeoutMs });
    this.#logs = new RoomLogs({
      deliver: (message) => this.#deliver(message),
      onGap: (gap) => this.#reportGap(gap),
      readHistory: (room, after, limit) => readHistory(room, after, limit, this.#httpAccess(this.#tokens.bearer)),
    });
    this.#rooms = new Rooms(request, onError, this.#logs);
    this.#inbox = new Inbox(this.#logs, (event, value) => this.#emitter.emit(event, value), request);
    this.#outbox = new Outbox(request, settings.maxOutbox);
    this.#connection = new Connection(settings, this.#tokens, {
      onState: (state) => this.#emitter.emit("state", state),
      onSocket: () => (this.#traces ??= this.#makeTraces()),
      onMessage: (text) => this.#receive(text),
      onDisconnect: () => this.#pause(),
      onEnd: (error) => this.#end(error),
      onWake: () => this.#clockSync.check(),
      onLeave: () => this.#traces?.leave(),
    });
  }

  get state() {
    return this.#connection.state;
  }

  get userID() {
    return this.#inbox.userID;
  }

  get unread() {
    return this.#inbox.unread;
  }

  get clock() {
    return this.#clock.value;
  }

  serverNow() {
    return this.#settings.now() + this.#clock.value.offsetMs;
  }

  connect() {
    this.#connection.connect();
  }

  retryNow() {
    this.#connection.retryNow();
  }

  close() {
    this.#connection.close();
  }

  /**
   * @template {keyof Events} Event
   * @param {Event} event
   * @param {(...values: import("../windsock-client.js").EventValues<Event>) => void} listener
   * @returns {() => void}
   */
  on(event, listener) {
    return this.#emitter.on(event, listener);
  }

  /**
   * @param {string} room
   * @param {import("../windsock-client.js").JoinOptions} [options]
   * @returns {import("../windsock-client.js").RoomHandle}
   */
  join(room, options = {}) {
    return this.#rooms.join(room, options);
  }

  /**
   * @param {string} room
   * @param {string} content
   * @param {{idempotencyKey?: string}} options
   * @returns {Promise<{message_id: string, offset: number}>}
   */
  sendToRoom(room, content, { idempotencyKey = newKey() } = {}) {
    return this.#outbox.send("send_to_room", { room_id: room, content, idempotency_key: idempotencyKey });
  }

  /**
   * @param {string} user
   * @param {string} content
   * @param {{idempotencyKey?: string}} options
   * @returns {Promise<{message_id: string}>}
   */
  sendToUser(user, content, { idempotencyKey = newKey() } = {}) {
    return this.#outbox.send("send_to_user", { user_id: user, content, idempotency_key: idempotencyKey });
  }

  /**
   * @param {string} notification its id, or `all`
   * @returns {Promise<{unread: number}>}
   */
  async markRead(notification) {
    const payload = notification === "all" ? { all: true } : { notification_id: notification };
    const answer = await this.#outbox.send("mark_read", payload);
    this.#inbox.unread = answer.unread;
    return answer;
  }

  /** @param {import("./http-api.js").ReadingsQuestion} question */
  async readings(question) {
    return readReadings(question, this.#httpAccess(await this.#tokens.current()));
  }

  /**
   * @param {string} token
   * @returns {Promise<{expires_at: string}>}
   */
  async refreshToken(token) {
    const answer = await this.request("refresh_token", { token });
    this.#tokens.replace(token);
    return answer;
  }

  /**
   * @param {string} type
   * @param {object} payload
   * @param {number} [timeoutMs]
   * @returns {Promise<any>}
   */
  request(type, payload, timeoutMs) {
    if (!this.#connection.isOpen) {
      return Promise.reject(new WindsockError("disconnected", "There is no connection.", true));
    }
    return this.#requests.start((id) => this.#connection.send(JSON.stringify({ type, payload, id })), timeoutMs);
  }

  /**
   * @param {Envelope} envelope
   * @param {number} [at]
   */
  painted(envelope, at) {
    this.#traces?.painted(envelope, at);
  }

  /** @param {Envelope} envelope */
  unpainted(envelope) {
    this.#traces?.unpainted(envelope);
  }

  // Connection

  /** @param {import("../windsock-client.js").Welcome} welcome */
  #welcomed(welcome) {
    this.#clock.reset();
    this.#inbox.identify(welcome);
    this.#connection.welcomed();
    this.#emitter.emit("welcome", welcome);
    if (typeof welcome.unread === "number") this.#inbox.unread = welcome.unread;
    // A listener may have closed the client.
    if (!this.#connection.isOpen) return;
    this.#inbox.resume(welcome.inbox);
    this.#rooms.resume();
    this.#outbox.resume();
    this.#tokens.renewInTime();
    this.#clockSync.start();
  }

  #pause() {
    this.#clockSync.stop();
    this.#tokens.stop();
    this.#rooms.pause();
    this.#outbox.pause();
    this.#requests.rejectAll(new WindsockError("disconnected", "The connection was lost.", true));
  }

  /** @param {WindsockError} error */
  #end(error) {
    this.#traces?.close();
    this.#traces = null;
    this.#rooms.fail(error);
    this.#outbox.fail(error);
    this.#logs.stop();
  }

  #makeTraces() {
    const { tracing, fetch, url, now, random } = this.#settings;
    if (!tracing || !fetch) return null;
    const token = () => this.#tokens.bearer;
    return new BrowserTraces({ now, random, fetch, token, clock: this.#clock, url: httpURL(url, "/v1/traces").href });
  }

  /**
   * @param {string} bearer
   * @returns {import("./http-api.js").HTTPAccess}
   */
  #httpAccess(bearer) {
    const { fetch, url } = this.#settings;
    return { fetch, url, bearer };
  }

  // Messages

  /** @param {string} text */
  #receive(text) {
    this.#arrivedAt = this.#settings.now();
    /** @type {Envelope} */
    let message;
    try {
      message = JSON.parse(text);
      if (typeof message.type !== "string" || typeof message.payload !== "object" || message.payload === null) {
        throw new TypeError("it has no type or no payload");
      }
    } catch (error) {
      this.#emitter.emit("error", new WindsockError("bad_message", `A message could not be read: ${messageOf(error)}`));
      return;
    }
    this.#traces?.received(message, this.#arrivedAt);
    this.#dispatch(message);
    this.#emitter.emit("message", message);
  }

  /** @param {Envelope} message */
  #dispatch(message) {
    const { type, payload } = message;
    switch (type) {
      case "data_update":
        return this.#report("data", "onData", message);
      case "device_status":
        return this.#report("status", "onStatus", message);
      case "presence":
        return this.#report("presence", "onPresence", message);
      case "alert":
        // A device's room has no history of messages, so its alerts have no offset.
        if (message.offset === undefined) return this.#report("alert", "onMessage", message);
        break;
      case "gap":
        return this.#reportGap(payload);
      case "welcome":
        return this.#welcomed(payload);
      case "notification":
        // Notifications that waited for the user have no offset; all others are part of the inbox.
        if (message.offset === undefined) return this.#inbox.notify(payload);
    }
    const room = this.#inbox.owns(type) ? this.#inbox.room : payload.room_id;
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

  /**
   * Takes a message of a room with a history, in order and once.
   * @param {Envelope} message
   */
  #deliver(message) {
    if (this.#inbox.owns(message.type)) this.#inbox.deliver(message);
    if (message.type === "chat_message") this.#report("chat", "onMessage", message);
    if (message.type === "alert") this.#report("alert", "onMessage", message);
  }

  /**
   * Passes a message of a room to the listeners of the event and of the room.
   * @param {keyof Events} event
   * @param {MessageCallback} callback
   * @param {Envelope} message
   */
  #report(event, callback, message) {
    const { payload } = message;
    this.#emitter.emit(event, payload, message);
    for (const { options } of this.#rooms.handlesFor(payload.room_id)) callSafely(options[callback], payload, message);
  }

  /** @param {import("../windsock-client.js").Gap} gap */
  #reportGap(gap) {
    this.#emitter.emit("gap", gap);
    for (const { options } of this.#rooms.handlesFor(gap.room_id)) callSafely(options.onGap, gap);
  }
}

function defaults() {
  return {
    WebSocket: globalThis.WebSocket,
    fetch: globalThis.fetch?.bind(globalThis),
    random: Math.random,
    now: () => performance.timeOrigin + performance.now(),
    backoffBaseMs: 500,
    backoffCapMs: 30_000,
    stableAfterMs: 10_000,
    connectTimeoutMs: 10_000,
    requestTimeoutMs: 10_000,
    maxPendingRequests: 256,
    maxOutbox: 100,
    clockIntervalMs: 20_000,
    tracing: globalThis.document !== undefined,
  };
}

/** Returns a unique key with 122 random bits. `randomUUID` exists in secure contexts only. */
function newKey() {
  if (globalThis.crypto.randomUUID) return globalThis.crypto.randomUUID();
  return Array.from(globalThis.crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
