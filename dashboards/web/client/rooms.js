import { callSafely } from "./emitter.js";
import { WindsockError } from "./errors.js";
import { roomMatches } from "./room-filter.js";

/** Rooms whose listeners are remembered; more are matched anew each time. */
const maxCachedRooms = 10_000;
/** How long to wait before a join that failed for the moment is tried again. */
const retryMs = 2_000;

/**
 * What the user joined, whether or not there is a connection: the list from which joins are resumed.
 *
 * Joining the same room twice is one join for the gateway; it is left when the last handle is.
 */
export class Rooms {
  /** @type {Map<string, {handles: Set<RoomHandle>, options: object, timer?: ReturnType<typeof setTimeout>}>} */
  #rooms = new Map();
  /** @type {Map<string, RoomHandle[]>} */
  #handlesByRoom = new Map();
  #request;
  #onError;
  #logs;
  #isOpen = false;

  /**
   * @param {(type: string, payload: object) => Promise<any>} request
   * @param {(error: WindsockError) => void} onError
   * @param {import("./room-logs.js").RoomLogs} logs where each room's position is kept
   */
  constructor(request, onError, logs) {
    this.#request = request;
    this.#onError = onError;
    this.#logs = logs;
  }

  /** @param {string} room @param {object} options @returns {RoomHandle} */
  join(room, options) {
    if (typeof room !== "string" || room === "") throw new TypeError("A room is a text such as \"sensors/+\".");
    const handle = new RoomHandle(room, options, () => this.#leave(handle));
    const known = this.#rooms.get(room);
    const entry = known ?? { handles: new Set(), options };
    entry.handles.add(handle);
    this.#handlesByRoom.clear();
    this.#rooms.set(room, entry);
    // The gateway answers a repeated join with the snapshot again, which a late handle needs as much as the first.
    if (this.#isOpen) this.#send(room);
    return handle;
  }

  /** Joins everything: to be called on every connection when the gateway has said welcome. */
  resume() {
    this.#isOpen = true;
    for (const room of this.#rooms.keys()) this.#send(room);
  }

  /** Stops joining until {@link resume}. */
  pause() {
    this.#isOpen = false;
    for (const entry of this.#rooms.values()) clearTimeout(entry.timer);
  }

  /** Ends every handle, because the client has ended. @param {WindsockError} error */
  fail(error) {
    this.pause();
    const entries = [...this.#rooms.values()];
    this.#rooms.clear();
    this.#handlesByRoom.clear();
    for (const { handles } of entries) for (const handle of handles) handle.failed(error);
  }

  /** @param {string} room the concrete room of a message @returns {RoomHandle[]} */
  handlesFor(room) {
    let handles = this.#handlesByRoom.get(room);
    if (handles) return handles;
    handles = [];
    for (const [filter, entry] of this.#rooms) if (roomMatches(filter, room)) handles.push(...entry.handles);
    if (this.#handlesByRoom.size < maxCachedRooms) this.#handlesByRoom.set(room, handles);
    return handles;
  }

  async #send(room) {
    const entry = this.#rooms.get(room);
    const payload = { room_id: room };
    if (entry.options.maxRateHz) payload.max_rate_hz = entry.options.maxRateHz;
    const log = this.#logs.get(room);
    if (log?.since) {
      payload.since = log.since;
      log.joining();
    }
    try {
      // `joined` reaches the handles through answered(), in order with the messages that follow it.
      await this.#request("join_room", payload);
    } catch (error) {
      if (error.code === "disconnected" || this.#rooms.get(room) !== entry) return;
      this.#onError(error);
      if (error.temporary) {
        clearTimeout(entry.timer);
        entry.timer = setTimeout(() => this.#isOpen && this.#rooms.get(room) === entry && this.#send(room), retryMs);
      } else {
        this.#rooms.delete(room);
        this.#handlesByRoom.clear();
        for (const handle of entry.handles) handle.failed(error);
      }
    }
  }

  /** The gateway's `joined`. @param {{room_id: string}} payload */
  answered(payload) {
    const entry = this.#rooms.get(payload.room_id);
    if (!entry) return;
    if (/[+#]/.test(payload.room_id)) {
      this.#logs.catchUp((room) => roomMatches(payload.room_id, room) && !this.#rooms.has(room));
    }
    for (const handle of entry.handles) handle.joined(payload);
  }

  /** The gateway took the client out of a room. @param {string} room @param {string} [reason] */
  lost(room, reason = "left") {
    const entry = this.#rooms.get(room);
    if (!entry) return;
    this.#rooms.delete(room);
    this.#handlesByRoom.clear();
    clearTimeout(entry.timer);
    const error = new WindsockError(reason, `The token no longer grants ${room}.`);
    for (const handle of entry.handles) handle.failed(error);
  }

  #leave(handle) {
    const entry = this.#rooms.get(handle.room);
    if (!entry?.handles.delete(handle)) return;
    this.#handlesByRoom.clear();
    if (entry.handles.size > 0) return;
    clearTimeout(entry.timer);
    this.#rooms.delete(handle.room);
    this.#logs.forget(handle.room);
    if (this.#isOpen) this.#request("leave_room", { room_id: handle.room }).catch(() => {});
  }
}

/** One joined room or filter. */
export class RoomHandle {
  #settle;
  #onLeave;

  constructor(room, options, onLeave) {
    /** The room or filter. */
    this.room = room;
    /** @type {"joining" | "joined" | "failed" | "left"} */
    this.state = "joining";
    this.options = options;
    this.#onLeave = onLeave;
    /**
     * Fulfilled with the gateway's `joined` payload of the first join; rejected with a {@link WindsockError} when the
     * room cannot be joined (`forbidden`) or was left before.
     * @type {Promise<any>}
     */
    this.ready = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.ready.catch(() => {});
  }

  /** Leaves the room, unless another handle is still in it. */
  leave() {
    if (this.state === "left" || this.state === "failed") return;
    this.state = "left";
    this.#settle.reject(new WindsockError("left", `${this.room} was left.`));
    this.#onLeave();
  }

  /** @internal */
  joined(payload) {
    this.state = "joined";
    this.#settle.resolve(payload);
    callSafely(this.options.onJoined, payload);
  }

  /** @internal */
  failed(error) {
    this.state = "failed";
    this.#settle.reject(error);
    callSafely(this.options.onError, error);
  }
}
