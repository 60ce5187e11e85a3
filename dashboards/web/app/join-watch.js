/** After the last room is joined: the latest readings and the gateway's clock follow. */
const settleMs = 60;
/** Without a join, as while the connection is refused, or without a clock, nothing is waited for any longer. */
const patienceMs = 2_500;

/** When the rooms of a dashboard are joined: what is measured from then on comes by itself. */
export class JoinWatch {
  /** Rooms or filters. @type {string[]} */
  rooms = [];
  /** All of them are joined, or refused. */
  isLive = false;
  #unjoined = new Set();
  #isClockKnown;
  #onSettled;
  #timer = 0;
  #joinedAt = 0;

  /** @param {{isClockKnown: () => boolean, onSettled: () => void}} context `onSettled`: the past can be asked for */
  constructor({ isClockKnown, onSettled }) {
    this.#isClockKnown = isClockKnown;
    this.#onSettled = onSettled;
  }

  /** These rooms are going to be joined. @param {string[]} rooms */
  begin(rooms) {
    this.rooms = rooms;
    this.lost();
    this.wait();
  }

  /** Nothing is joined any more. */
  lost() {
    clearTimeout(this.#timer);
    this.isLive = false;
    this.#unjoined = new Set(this.rooms);
  }

  /** Goes on without a join when none comes. */
  wait() {
    this.#timer = setTimeout(this.#onSettled, patienceMs);
  }

  /** A room is joined, or refused: then nothing is to be waited for. @param {string} room */
  joined(room) {
    this.#unjoined.delete(room);
    this.#joinedAt = performance.now();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#settle(), this.#unjoined.size === 0 ? settleMs : patienceMs);
  }

  #settle() {
    // The clock follows the latest readings, which may be many.
    if (!this.#isClockKnown() && performance.now() - this.#joinedAt < patienceMs) {
      this.#timer = setTimeout(() => this.#settle(), settleMs);
      return;
    }
    this.isLive = this.#unjoined.size === 0;
    this.#onSettled();
  }
}
