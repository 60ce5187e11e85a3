/** Live messages that may wait while a hole is filled; one more gives the hole up. */
const maxWaiting = 10_000;
/** Messages that are read at once. */
const pageSize = 500;
/** How often reading is tried, and the first wait between two tries; each further one is longer. */
const maxAttempts = 10;
const retryMs = 200;

/**
 * One room's messages in the order of their offsets, each once: drops doubles, and fills holes from the history.
 *
 *     live ── offset jumps, or the gateway could not replay ──▶ filling ── history read ──▶ live
 *     joining: a rejoin was sent and not answered; what comes meanwhile is part of the replay and is dropped
 */
export class RoomLog {
  /** @type {"live" | "joining" | "filling"} */
  #mode = "live";
  #waiting = [];
  #deliver;
  #onGap;
  #readHistory;
  /** Counts fills, to know the results of those that were given up. */
  #fill = 0;

  /**
   * @param {string} room
   * @param {object} ports
   * @param {(message: object) => void} ports.deliver takes messages in order
   * @param {(gap: {room_id: string, reason: string, dropped?: number}) => void} ports.onGap tells what cannot be had
   * @param {(room: string, after: number, limit: number) => Promise<{epoch: string, messages: object[]}>}
   *   ports.readHistory
   */
  constructor(room, { deliver, onGap, readHistory }) {
    this.room = room;
    /** The last offset that was delivered, and what it counts in; null before the first. */
    this.offset = null;
    this.epoch = null;
    this.#deliver = deliver;
    this.#onGap = onGap;
    this.#readHistory = readHistory;
  }

  /** What to ask the gateway for when joining again; undefined when nothing is known yet. */
  get since() {
    return this.epoch === null || this.offset === null ? undefined : { offset: this.offset, epoch: this.epoch };
  }

  /** Begins at a position that the gateway told, without anything before it. */
  begin(offset, epoch) {
    this.#cancel();
    this.offset = offset;
    this.epoch = epoch;
  }

  /** A join with {@link since} goes out: the answer replays all that comes before it. */
  joining() {
    this.#cancel();
    this.#mode = "joining";
  }

  /** The gateway's `joined`. @param {{epoch: string, offset: number, recovered: boolean}} payload */
  joined({ epoch, offset, recovered }) {
    this.#cancel();
    if (this.offset === null) return this.begin(offset, epoch);
    if (recovered) {
      this.epoch = epoch;
    } else if (this.epoch === null && offset <= this.offset) {
      // Only a filter had brought it so far, and nothing was missed.
      this.epoch = epoch;
    } else if (this.epoch !== null && this.epoch !== epoch) {
      this.begin(offset, epoch);
      this.#onGap({ room_id: this.room, reason: "The gateway's history is another one." });
    } else if (offset > this.offset) {
      this.epoch = epoch;
      this.#fillUpTo(offset);
    } else if (offset < this.offset) {
      this.begin(offset, epoch);
      this.#onGap({ room_id: this.room, reason: "The gateway has lost a part of its history." });
    }
  }

  /** A message with an offset. */
  receive(message) {
    if (this.#mode === "joining") return;
    if (this.#mode === "filling") {
      if (this.#waiting.length < maxWaiting) return void this.#waiting.push(message);
      this.#giveUp("Too much was said while the history was read.");
    }
    if (this.offset !== null && message.offset <= this.offset) return;
    if (this.offset !== null && message.offset > this.offset + 1) {
      this.#waiting.push(message);
      return void this.#fillUpTo(message.offset - 1);
    }
    this.#pass(message);
  }

  #pass(message) {
    this.offset = message.offset;
    this.#deliver(message);
  }

  /** Reads what came after the last message, as far as the history goes: after a reconnect that replayed nothing. */
  catchUp() {
    if (this.offset === null) return;
    this.#cancel();
    this.#fillUpTo(Infinity);
  }

  /** Reads what is missing, page by page; an end of Infinity is wherever the history ends. */
  async #fillUpTo(end) {
    const fill = ++this.#fill;
    this.#mode = "filling";
    try {
      while (this.offset < end) {
        const page = await this.#readPage(Math.min(pageSize, end - this.offset), fill);
        if (fill !== this.#fill) return;
        if (this.epoch !== null && page.epoch !== this.epoch) throw new Error("The gateway's history is another one.");
        if (end === Infinity) end = page.offset;
        if (page.messages.length === 0 && this.offset < end) {
          throw new Error("The history does not hold it any more.");
        }
        for (const message of page.messages) {
          if (message.offset <= this.offset) continue;
          const dropped = message.offset - this.offset - 1;
          if (dropped > 0) this.#onGap({ room_id: this.room, reason: "The history does not hold it any more.", dropped });
          this.#pass(message);
        }
      }
      this.#flush();
    } catch (error) {
      if (fill === this.#fill) this.#giveUp(error.message, end);
    }
  }

  /** A page of the history; what fails for the moment is tried again. */
  async #readPage(limit, fill) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#readHistory(this.room, this.offset, limit);
      } catch (error) {
        if (!error.temporary || attempt >= maxAttempts || fill !== this.#fill) throw error;
        await new Promise((resolve) => setTimeout(resolve, retryMs * attempt));
      }
    }
  }

  #giveUp(reason, end = this.#waiting[0]?.offset - 1) {
    this.#fill += 1;
    const last = Number.isFinite(end) ? Math.max(this.offset, end) : this.offset;
    const dropped = last - this.offset;
    this.offset = last;
    this.#onGap({ room_id: this.room, reason, dropped });
    this.#flush();
  }

  /** What waited is passed on, in order; a further hole begins the next fill. */
  #flush() {
    this.#mode = "live";
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const message of waiting) this.receive(message);
  }

  #cancel() {
    this.#fill += 1;
    this.#mode = "live";
    this.#waiting = [];
  }
}
