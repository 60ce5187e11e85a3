/** @typedef {import("../windsock-client.js").Envelope} Envelope */
/** @typedef {import("../windsock-client.js").Notification} Notification */
/** @typedef {import("../windsock-client.js").Welcome} Welcome */

/** Notifications that are remembered, so that none is reported twice. */
const maxKnown = 1_000;
const messageTypes = new Set(["direct_message", "notification", "notification_read"]);

/** The user's inbox: direct messages, notifications (each reported once) and the number of unread ones. */
export class Inbox {
  /**
   * The token's `sub`; null before the first `welcome`.
   * @type {string | null}
   */
  userID = null;
  #unread = 0;
  /**
   * Ids of reported notifications, oldest first.
   * @type {Set<string>}
   */
  #known = new Set();
  #logs;
  #emit;
  #request;

  /**
   * @param {import("./room-log.js").RoomLogs} logs
   * @param {(event: string, value: unknown) => void} emit
   * @param {(type: string, payload: object) => Promise<any>} request
   */
  constructor(logs, emit, request) {
    this.#logs = logs;
    this.#emit = emit;
    this.#request = request;
  }

  get unread() {
    return this.#unread;
  }

  /** @param {number} count */
  set unread(count) {
    if (count === this.#unread) return;
    this.#unread = count;
    this.#emit("unread", count);
  }

  /** The inbox as a room with a history. */
  get room() {
    return `users/${this.userID}`;
  }

  /**
   * Whether messages of a type belong to the inbox.
   * @param {string} type
   */
  owns(type) {
    return messageTypes.has(type);
  }

  /** @param {Welcome} welcome */
  identify({ user_id: user, inbox }) {
    this.userID = user;
    this.#logs.keep(this.room);
    this.#logs.setEpoch(inbox?.epoch);
  }

  /**
   * Recovers the messages since the last connection. The gateway has joined the inbox already, but replays nothing
   * unless asked.
   * @param {Welcome["inbox"]} position
   */
  resume(position) {
    if (!position) return;
    const log = this.#logs.of(this.room);
    const { since } = log;
    const isUpToDate = log.epoch === position.epoch && log.offset === position.offset;
    // begin() also ends a rejoin that the last connection left unanswered.
    if (since === undefined || isUpToDate) return log.begin(position.offset, position.epoch);
    log.joining();
    this.#request("join_room", { room_id: this.room, since }).catch((error) => {
      if (error.code === "disconnected") return;
      this.#emit("error", error);
      // The gateway sends live messages nevertheless; the missed ones are in the history.
      log.catchUp();
    });
  }

  /**
   * Takes a message that the log delivers in order.
   * @param {Envelope} message
   */
  deliver({ type, payload }) {
    if (type === "direct_message") this.#emit("direct", payload);
    if (type === "notification") this.notify(payload);
    if (type === "notification_read") {
      this.#emit("read", payload);
      this.unread = payload.unread;
    }
  }

  /** @param {Notification} notification */
  notify(notification) {
    const { notification_id: id, snapshot } = notification;
    if (this.#known.has(id)) return;
    if (this.#known.size >= maxKnown) {
      const [oldest] = this.#known;
      this.#known.delete(oldest);
    }
    this.#known.add(id);
    // `welcome` has counted the notifications that waited.
    if (!snapshot) this.unread = this.#unread + 1;
    this.#emit("notification", notification);
  }
}
