import { messageOf } from "./http-api.js";

/** @typedef {import("../windsock-client.js").Envelope} Envelope */
/** @typedef {import("../windsock-client.js").Gap} Gap */
/** @typedef {import("./http-api.js").HistoryPage} HistoryPage */

/** Live messages that are held back while a hole is filled. One more, and the hole is reported as a gap. */
const maxWaiting = 10_000;
/** Messages of a page of history. */
const pageSize = 500;
/** Attempts to read a page, and the delay after the first one; each further delay is longer. */
const maxAttempts = 10;
const retryMs = 200;
/** Rooms whose position is kept. Beyond it the oldest are forgotten, except the inbox. */
const maxRooms = 1_000;

/**
 * @typedef {object} LogPorts
 * @property {(message: Envelope) => void} deliver takes messages in order
 * @property {(gap: Gap) => void} onGap reports messages that cannot be recovered
 * @property {(room: string, after: number, limit: number) => Promise<HistoryPage>} readHistory
 */

/**
 * Delivers a room's messages in the order of their offsets and each once: drops duplicates and fills holes from the
 * history.
 *
 *     live ── an offset is skipped, or the gateway could not replay ──▶ filling ── history read ──▶ live
 *     joining: a rejoin awaits its answer. Messages that arrive before it are part of the replay, and are dropped.
 */
export class RoomLog {
  /** @type {"live" | "joining" | "filling"} */
  #mode = "live";
  /**
   * Messages held back while a hole is filled.
   * @type {Envelope[]}
   */
  #waiting = [];
  #ports;
  /** Number of the current fill. A fill with another number was abandoned. */
  #fill = 0;
  /**
   * The last delivered offset; null before the first.
   * @type {number | null}
   */
  offset = null;
  /**
   * The history that the offset belongs to; null when only a filter has brought messages.
   * @type {string | null}
   */
  epoch = null;

  /**
   * @param {string} room
   * @param {LogPorts} ports
   */
  constructor(room, ports) {
    this.room = room;
    this.#ports = ports;
  }

  /** The position from which a rejoin recovers; undefined before there is one. */
  get since() {
    return this.epoch === null || this.offset === null ? undefined : { offset: this.offset, epoch: this.epoch };
  }

  /** The last delivered offset, 0 before the first. */
  get #last() {
    return this.offset ?? 0;
  }

  /**
   * Starts at a position of the gateway; nothing before it is delivered.
   * @param {number} offset
   * @param {string} epoch
   */
  begin(offset, epoch) {
    this.stop();
    this.offset = offset;
    this.epoch = epoch;
  }

  /** Expects the answer to a join with {@link since}, which replays everything before it. */
  joining() {
    this.stop();
    this.#mode = "joining";
  }

  /**
   * Takes the gateway's `joined`.
   * @param {{epoch: string, offset: number, recovered: boolean}} payload
   */
  joined({ epoch, offset, recovered }) {
    this.stop();
    if (this.offset === null) return this.begin(offset, epoch);
    if (recovered) {
      this.epoch = epoch;
    } else if (this.epoch === null && offset <= this.offset) {
      // Only a filter has brought messages so far, and nothing was missed.
      this.epoch = epoch;
    } else if (this.epoch !== null && this.epoch !== epoch) {
      this.begin(offset, epoch);
      this.#ports.onGap({ room_id: this.room, reason: "The gateway's history is another one." });
    } else if (offset > this.offset) {
      this.epoch = epoch;
      this.#fillUpTo(offset);
    } else if (offset < this.offset) {
      this.begin(offset, epoch);
      this.#ports.onGap({ room_id: this.room, reason: "The gateway has lost a part of its history." });
    }
  }

  /**
   * Takes a message with an offset.
   * @param {Envelope} message
   */
  receive(message) {
    const { offset } = message;
    if (offset === undefined || this.#mode === "joining") return;
    if (this.#mode === "filling") {
      if (this.#waiting.length < maxWaiting) return void this.#waiting.push(message);
      this.#giveUp("Too much was said while the history was read.");
    }
    if (this.offset !== null && offset <= this.offset) return;
    if (this.offset !== null && offset > this.offset + 1) {
      this.#waiting.push(message);
      return void this.#fillUpTo(offset - 1);
    }
    this.#deliver(message, offset);
  }

  /** Reads everything after the last message from the history, after a reconnect without a replay. */
  catchUp() {
    if (this.offset === null) return;
    this.stop();
    this.#fillUpTo(Infinity);
  }

  /**
   * @param {Envelope} message
   * @param {number} offset
   */
  #deliver(message, offset) {
    this.offset = offset;
    this.#ports.deliver(message);
  }

  /**
   * Reads the missing messages page by page.
   * @param {number} end the last missing offset; Infinity for the end of the history
   */
  async #fillUpTo(end) {
    const fill = ++this.#fill;
    this.#mode = "filling";
    try {
      while (this.#last < end) {
        const page = await this.#readPage(Math.min(pageSize, end - this.#last), fill);
        if (fill !== this.#fill) return;
        if (this.epoch !== null && page.epoch !== this.epoch) throw new Error("The gateway's history is another one.");
        if (end === Infinity) end = page.offset;
        if (page.messages.length === 0 && this.#last < end) {
          throw new Error("The history does not hold it any more.");
        }
        for (const message of page.messages) this.#takeStored(message);
      }
      this.#flush();
    } catch (error) {
      if (fill === this.#fill) this.#giveUp(messageOf(error), end);
    }
  }

  /** @param {Envelope} message */
  #takeStored(message) {
    const { offset = 0 } = message;
    if (offset <= this.#last) return;
    const dropped = offset - this.#last - 1;
    if (dropped > 0) {
      this.#ports.onGap({ room_id: this.room, reason: "The history does not hold it any more.", dropped });
    }
    this.#deliver(message, offset);
  }

  /**
   * Reads a page of the history, again after temporary errors.
   * @param {number} limit
   * @param {number} fill
   */
  async #readPage(limit, fill) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#ports.readHistory(this.room, this.#last, limit);
      } catch (error) {
        if (!error.temporary || attempt >= maxAttempts || fill !== this.#fill) throw error;
        await new Promise((resolve) => setTimeout(resolve, retryMs * attempt));
      }
    }
  }

  /**
   * Reports the missing messages as a gap and continues behind them.
   * @param {string} reason
   * @param {number} [end] the last missing offset
   */
  #giveUp(reason, end = (this.#waiting[0]?.offset ?? NaN) - 1) {
    this.#fill += 1;
    const last = Number.isFinite(end) ? Math.max(this.#last, end) : this.#last;
    const dropped = last - this.#last;
    this.offset = last;
    this.#ports.onGap({ room_id: this.room, reason, dropped });
    this.#flush();
  }

  /** Takes the messages that were held back. Another hole among them starts the next fill. */
  #flush() {
    this.#mode = "live";
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const message of waiting) this.receive(message);
  }

  /** Delivers nothing more of what is being read from the history. */
  stop() {
    this.#fill += 1;
    this.#mode = "live";
    this.#waiting = [];
  }
}

/** The logs of all rooms with a history: rooms joined by name, the inbox, and rooms that filters brought. */
export class RoomLogs {
  /** @type {Map<string, RoomLog>} */
  #logs = new Map();
  #ports;
  /** @type {string | null} */
  #epoch = null;
  /** @type {string | null} */
  #pinned = null;

  /** @param {LogPorts} ports */
  constructor(ports) {
    this.#ports = ports;
  }

  /**
   * Returns the log of a room, and makes one when there is none.
   * @param {string} room
   */
  of(room) {
    let log = this.#logs.get(room);
    if (!log) {
      if (this.#logs.size >= maxRooms) this.#forgetOldest();
      this.#logs.set(room, (log = new RoomLog(room, this.#ports)));
    }
    return log;
  }

  /**
   * Names the room that is never forgotten.
   * @param {string} room
   */
  keep(room) {
    this.#pinned = room;
  }

  #forgetOldest() {
    for (const room of this.#logs.keys()) {
      if (room !== this.#pinned) return this.forget(room);
    }
  }

  /**
   * Returns the log of a room if there is one.
   * @param {string} room
   */
  get(room) {
    return this.#logs.get(room);
  }

  /**
   * Reads from the history after a filter was rejoined, because the gateway replays nothing for filters.
   * @param {(room: string) => boolean} isBrought whether the filter brings the room
   */
  catchUp(isBrought) {
    for (const [room, log] of this.#logs) if (isBrought(room)) log.catchUp();
  }

  /**
   * Forgets the position in a room that was left.
   * @param {string} room
   */
  forget(room) {
    this.#logs.get(room)?.stop();
    this.#logs.delete(room);
  }

  /** Stops reading from the history: the client was closed. */
  stop() {
    for (const log of this.#logs.values()) log.stop();
  }

  /**
   * Takes the epoch of the gateway's history. With another epoch, offsets that only filters brought mean nothing.
   * @param {string | undefined} epoch
   */
  setEpoch(epoch) {
    if (epoch === undefined || epoch === this.#epoch) return;
    if (this.#epoch !== null) for (const [room, log] of this.#logs) if (log.epoch === null) this.forget(room);
    this.#epoch = epoch;
  }
}
