/** A tick that comes so late was held back: the tab, or the computer, slept. */
const lateMs = 15_000;
/** Before it slept something may be missing already. */
const marginMs = 2_000;

/**
 * Notices that the tab, or the computer, slept. By the wall clock: the gateway's time steps when it becomes known, and
 * the steady clock stands still while some computers sleep.
 */
export class SleepWatch {
  #onSlept;
  #wallNow;
  /** @type {number | null} */
  #lastTick = null;

  /** @param {(since: number) => void} onSlept Unix milliseconds of the gateway: before that all is there */
  constructor(onSlept, wallNow = Date.now) {
    this.#onSlept = onSlept;
    this.#wallNow = wallNow;
  }

  /** To be called once a second. @param {number} time the gateway's */
  tick(time) {
    const wall = this.#wallNow();
    const elapsed = wall - (this.#lastTick ?? wall);
    this.#lastTick = wall;
    if (elapsed > lateMs) this.#onSlept(time - elapsed - marginMs);
  }
}
