/** Time after the last join in which the latest readings and the gateway's clock follow. */
const settleMs = 60;
/** Longest wait for a join (for example while the connection is refused) or for the clock. */
const patienceMs = 2_500;

/** Watches until the rooms of a dashboard are joined. From then on new readings arrive live. */
export class JoinWatch {
  /**
   * Rooms or filters of the dashboard.
   * @type {string[]}
   */
  rooms = [];
  /** Every room is joined or refused. */
  isLive = false;
  /** @type {Set<string>} */
  #unjoined = new Set();
  #isClockKnown;
  #onSettled;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #joinedAt = 0;

  /** @param {{isClockKnown: () => boolean, onSettled: () => void}} context `onSettled`: history can be requested */
  constructor({ isClockKnown, onSettled }) {
    this.#isClockKnown = isClockKnown;
    this.#onSettled = onSettled;
  }

  /**
   * Starts to wait for rooms.
   * @param {string[]} rooms
   */
  begin(rooms) {
    this.rooms = rooms;
    this.lost();
    this.wait();
  }

  /** Notes that no room is joined any more. */
  lost() {
    clearTimeout(this.#timer);
    this.isLive = false;
    this.#unjoined = new Set(this.rooms);
  }

  /** Continues without a join when none comes in time. */
  wait() {
    this.#timer = setTimeout(this.#onSettled, patienceMs);
  }

  /**
   * Takes a room that was joined, or refused and is not awaited any more.
   * @param {string} room
   */
  joined(room) {
    this.#unjoined.delete(room);
    this.#joinedAt = performance.now();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#settle(), this.#unjoined.size === 0 ? settleMs : patienceMs);
  }

  #settle() {
    // The clock is known after the latest readings, which may be many.
    if (!this.#isClockKnown() && performance.now() - this.#joinedAt < patienceMs) {
      this.#timer = setTimeout(() => this.#settle(), settleMs);
      return;
    }
    this.isLive = this.#unjoined.size === 0;
    this.#onSettled();
  }
}
