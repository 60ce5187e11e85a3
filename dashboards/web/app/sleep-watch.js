/** A tick that comes so late was held back: the tab, or the computer, slept. */
const lateMs = 15_000;
/** Readings that were left out come in bursts: what is missing is asked for when no more are left out for so long. */
const quietMs = 2_000;
/** Before the first sign of trouble something may be missing already. */
const marginMs = 2_000;

/** Notices when readings may be missing although the connection held: the tab slept, or the gateway left some out. */
export class SleepWatch {
  #onMissing;
  #lastTick = null;
  #since = null;
  #timer = 0;

  /** @param {(since: number) => void} onMissing Unix milliseconds of the gateway: before that all is there */
  constructor(onMissing) {
    this.#onMissing = onMissing;
    document.addEventListener("visibilitychange", () => this.#tell());
  }

  /** To be called once a second. @param {number} time the gateway's */
  tick(time) {
    const last = this.#lastTick;
    this.#lastTick = time;
    if (last !== null && time - last > lateMs) this.#missing(last);
  }

  /** The gateway left readings out. */
  missed() {
    this.#missing(this.#lastTick ?? -Infinity);
  }

  #missing(since) {
    this.#since = Math.min(this.#since ?? Infinity, since - marginMs);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tell(), quietMs);
  }

  /** Nobody sees what is missing in a hidden tab, whose ticks are always late. */
  #tell() {
    if (this.#since === null || document.visibilityState === "hidden") return;
    const from = this.#since;
    this.#since = null;
    this.#onMissing(from);
  }
}
