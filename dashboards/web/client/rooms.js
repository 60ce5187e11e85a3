import { callSafely } from "./emitter.js";
import { WindsockError } from "./errors.js";

/** @typedef {import("../windsock-client.js").JoinOptions} JoinOptions */
/** @typedef {import("../windsock-client.js").Joined} Joined */
/**
 * A room or filter that the user joined, with the options of its first handle.
 * @typedef {{handles: Set<RoomHandle>, options: JoinOptions, timer?: ReturnType<typeof setTimeout>}} Entry
 */

/** Rooms whose handles are cached. Others are matched for each message. */
const maxCachedRooms = 10_000;
/** Delay before a join that failed temporarily is tried again. */
const retryMs = 2_000;

/**
 * The rooms and filters that the user joined, with or without a connection. Joins are resumed from this list.
 *
 * Several joins of a room are one join for the gateway, which ends with the last handle.
 */
export class Rooms {
  /** @type {Map<string, Entry>} */
  #rooms = new Map();
  /**
   * Cache of {@link handlesFor}.
   * @type {Map<string, RoomHandle[]>}
   */
  #handlesByRoom = new Map();
  #request;
  #onError;
  #logs;
  #isOpen = false;

  /**
   * @param {(type: string, payload: object) => Promise<any>} request
   * @param {(error: WindsockError) => void} onError
   * @param {import("./room-log.js").RoomLogs} logs
   */
  constructor(request, onError, logs) {
    this.#request = request;
    this.#onError = onError;
    this.#logs = logs;
  }

  /**
   * @param {string} room
   * @param {JoinOptions} options
   * @returns {RoomHandle}
   */
  join(room, options) {
    if (typeof room !== "string" || room === "") throw new TypeError("A room is a text such as \"sensors/+\".");
    /** @type {RoomHandle} */
    const handle = new RoomHandle(room, options, () => this.#leave(handle));
    const entry = this.#rooms.get(room) ?? { handles: new Set(), options };
    entry.handles.add(handle);
    this.#handlesByRoom.clear();
    this.#rooms.set(room, entry);
    // The gateway answers a repeated join with another snapshot, which a late handle needs as well.
    if (this.#isOpen) this.#send(room, entry);
    return handle;
  }

  /** Joins everything, on each new connection after `welcome`. */
  resume() {
    this.#isOpen = true;
    for (const [room, entry] of this.#rooms) this.#send(room, entry);
  }

  /** Stops joining until {@link resume}. */
  pause() {
    this.#isOpen = false;
    for (const entry of this.#rooms.values()) clearTimeout(entry.timer);
  }

  /**
   * Fails every handle, because the client was closed.
   * @param {WindsockError} error
   */
  fail(error) {
    this.pause();
    const entries = [...this.#rooms.values()];
    this.#rooms.clear();
    this.#handlesByRoom.clear();
    for (const { handles } of entries) for (const handle of handles) handle.failed(error);
  }

  /**
   * Returns the handles whose room or filter matches a room.
   * @param {string} room the concrete room of a message
   * @returns {RoomHandle[]}
   */
  handlesFor(room) {
    let handles = this.#handlesByRoom.get(room);
    if (handles) return handles;
    handles = [];
    for (const [filter, entry] of this.#rooms) if (roomMatches(filter, room)) handles.push(...entry.handles);
    if (this.#handlesByRoom.size < maxCachedRooms) this.#handlesByRoom.set(room, handles);
    return handles;
  }

  /**
   * @param {string} room
   * @param {Entry} entry
   */
  async #send(room, entry) {
    const { maxRateHz } = entry.options;
    const log = this.#logs.get(room);
    const since = log?.since;
    if (since) log?.joining();
    try {
      // `joined` reaches the handles by answered(), in order with the messages that follow it.
      await this.#request("join_room", {
        room_id: room, ...(maxRateHz && { max_rate_hz: maxRateHz }), ...(since && { since }),
      });
    } catch (error) {
      if (error.code === "disconnected" || this.#rooms.get(room) !== entry) return;
      this.#onError(error);
      if (error.temporary) {
        clearTimeout(entry.timer);
        entry.timer = setTimeout(() => {
          if (this.#isOpen && this.#rooms.get(room) === entry) this.#send(room, entry);
        }, retryMs);
      } else {
        this.#remove(room, entry, error);
      }
    }
  }

  /**
   * Takes the gateway's `joined`.
   * @param {Joined} joined
   */
  answered(joined) {
    const entry = this.#rooms.get(joined.room_id);
    if (!entry) return;
    if (/[+#]/.test(joined.room_id)) {
      this.#logs.catchUp((room) => roomMatches(joined.room_id, room) && !this.#rooms.has(room));
    }
    for (const handle of entry.handles) handle.joined(joined);
  }

  /**
   * Takes the gateway's `left`: the token no longer grants the room.
   * @param {string} room
   * @param {string} [reason]
   */
  lost(room, reason = "left") {
    const entry = this.#rooms.get(room);
    if (entry) this.#remove(room, entry, new WindsockError(reason, `The token no longer grants ${room}.`));
  }

  /**
   * @param {string} room
   * @param {Entry} entry
   * @param {WindsockError} error
   */
  #remove(room, entry, error) {
    this.#rooms.delete(room);
    this.#handlesByRoom.clear();
    clearTimeout(entry.timer);
    for (const handle of entry.handles) handle.failed(error);
  }

  /** @param {RoomHandle} handle */
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

/** A joined room or filter. */
export class RoomHandle {
  /** @type {(joined: Joined) => void} */
  #resolve = () => {};
  /** @type {(error: WindsockError) => void} */
  #reject = () => {};
  #onLeave;
  /** @type {"joining" | "joined" | "failed" | "left"} */
  state = "joining";

  /**
   * @param {string} room
   * @param {JoinOptions} options
   * @param {() => void} onLeave
   */
  constructor(room, options, onLeave) {
    this.room = room;
    this.options = options;
    this.#onLeave = onLeave;
    /**
     * Resolves with the `joined` payload of the first join. Rejects with a {@link WindsockError} when the room cannot
     * be joined (`forbidden`) or was left before.
     * @type {Promise<Joined>}
     */
    this.ready = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.ready.catch(() => {});
  }

  /** Leaves the room, unless another handle is still in it. */
  leave() {
    if (this.state === "left" || this.state === "failed") return;
    this.state = "left";
    this.#reject(new WindsockError("left", `${this.room} was left.`));
    this.#onLeave();
  }

  /**
   * @internal
   * @param {Joined} joined
   */
  joined(joined) {
    this.state = "joined";
    this.#resolve(joined);
    callSafely(this.options.onJoined, joined);
  }

  /**
   * @internal
   * @param {WindsockError} error
   */
  failed(error) {
    this.state = "failed";
    this.#reject(error);
    callSafely(this.options.onError, error);
  }
}

/**
 * Evaluates a room filter by the rules of MQTT topics: `+` matches one level, `#` at the end matches any number of
 * levels, including none. A leading wildcard does not match rooms that begin with `$` or `users/`.
 * @param {string} filter for example `sensors/+`
 * @param {string} room for example `sensors/greenhouse-1`
 */
export function roomMatches(filter, room) {
  if (filter === room) return true;
  const levels = room.split("/");
  const isProtected = room.startsWith("$") || levels[0] === "users";
  if (isProtected && /^[+#]/.test(filter)) return false;
  const pattern = filter.split("/");
  for (let index = 0; index < pattern.length; index += 1) {
    if (pattern[index] === "#") return true;
    if (index >= levels.length) return false;
    if (pattern[index] !== "+" && pattern[index] !== levels[index]) return false;
  }
  return pattern.length === levels.length;
}
