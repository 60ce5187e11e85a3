import { webcrypto } from "node:crypto";
import { WindsockClient } from "../../../dashboards/web/windsock-client.js";
import { settled } from "./clock.mjs";
import { Questions } from "./gateway.mjs";

// Node 18 has it, but not as a global.
globalThis.crypto ??= webcrypto;

/** A WebSocket whose gateway is the test. It answers `clock_sync` by itself unless `isDead`. */
class ScriptedSocket {
  /** Commands that the client has sent. */
  sent = [];
  isClosed = false;
  isDead = false;
  #listeners = new Map();
  #now;

  constructor(protocols, now) {
    this.protocols = protocols;
    this.#now = now;
  }

  addEventListener(type, listener) {
    this.#listeners.set(type, listener);
  }

  send(text) {
    const command = JSON.parse(text);
    if (command.type !== "clock_sync") return void this.sent.push(command);
    if (this.isDead) return;
    const { t0 } = command.payload;
    queueMicrotask(() => this.receive({ type: "ack", id: command.id, payload: { t0, t1: this.#now(), t2: this.#now() } }));
  }

  close() {
    this.isClosed = true;
  }

  // The gateway's side

  open() {
    this.#listeners.get("open")();
  }

  receive(message) {
    this.#listeners.get("message")({ data: JSON.stringify({ timestamp: "2027-01-15T08:00:00Z", ...message }) });
  }

  /** Closes the connection, or fails the handshake. */
  drop(code = 1006, reason = "") {
    this.#listeners.get("close")({ code, reason });
  }
}

/** A client before a gateway that the test plays. */
export class ClientBench {
  sockets = [];
  states = [];
  errors = [];
  /** Requests over HTTP: path, query and token. */
  requests = new Questions();

  constructor(clock, options = {}) {
    const bench = this;
    class Socket extends ScriptedSocket {
      constructor(_, protocols) {
        super(protocols, () => clock.now);
        bench.sockets.push(this);
      }
    }
    this.client = new WindsockClient({
      url: "ws://gateway.test/ws", token: "first", WebSocket: Socket, random: () => 0.5, now: () => clock.now,
      fetch: async (url, { headers }) => {
        const { status = 200, body } = await this.requests.ask({ path: `${url.pathname}${url.search}`, ...headers });
        return { ok: status < 400, status, json: async () => body };
      },
      ...options,
    });
    this.client.on("state", ({ state }) => this.states.push(state));
    this.client.on("error", ({ code }) => this.errors.push(code));
  }

  get socket() {
    return this.sockets.at(-1);
  }

  /** Opens the latest connection. */
  async welcome({ inbox = { offset: 0, epoch: "e1" }, unread = 0 } = {}) {
    this.socket.open();
    this.socket.receive({ type: "welcome", payload: { user_id: "ann", inbox, unread } });
    await settled();
  }

  /** The commands of a type on the latest connection. */
  sent(type) {
    return this.socket.sent.filter((command) => command.type === type);
  }

  async answer({ id }, payload = {}, type = "ack") {
    this.socket.receive({ type, id, payload });
    await settled();
  }

  async refuse(command, code, temporary = false) {
    await this.answer(command, { code, message: code, temporary }, "error");
  }

  /** Accepts a join. */
  async join(command, payload) {
    await this.answer(command, { room_id: command.payload.room_id, recovered: false, ...payload }, "joined");
  }
}

/** A promise's outcome so far: `pending`, its value, or the code of its error. */
export function outcomeOf(promise) {
  const outcome = { is: "pending" };
  promise.then((value) => (outcome.is = value), (error) => (outcome.is = error.code));
  return outcome;
}
