import { byID, setText } from "../shared/dom.js";
import { formatNumber } from "../shared/format.js";

/** Seconds over which the rate is averaged. Devices that send every other second would make it jump. */
const rateSeconds = 5;

/** The activity line of the heading: `57 devices · 38 readings/s · 12 skipped`. */
export class Activity {
  #line = byID("activity", "p");
  #count = 0;
  /**
   * Readings of the last seconds.
   * @type {number[]}
   */
  #counts = [];
  #dropped = 0;

  /** Counts a reading that is shown. */
  add() {
    this.#count += 1;
  }

  /**
   * Counts readings that the gateway dropped.
   * @param {number | undefined} count
   */
  drop(count = 0) {
    this.#dropped += count;
  }

  /** Restarts the rate for another dashboard. */
  reset() {
    this.#counts = [];
  }

  /**
   * Shows the last second's figures. Call it once a second.
   * @param {number} deviceCount shown devices
   */
  tick(deviceCount) {
    this.#counts = [...this.#counts.slice(1 - rateSeconds), this.#count];
    this.#count = 0;
    const skipped = this.#dropped > 0 ? ` · ${this.#dropped} skipped` : "";
    const rate = this.#counts.reduce((sum, count) => sum + count, 0) / this.#counts.length;
    const devices = `${deviceCount} ${deviceCount === 1 ? "device" : "devices"}`;
    setText(this.#line,
      deviceCount === 0 ? "" : `${devices} · ${formatNumber(rate, rate < 10 ? 1 : 0)} readings/s${skipped}`);
  }
}
