import { setText } from "./dom.js";
import { formatNumber } from "./format.js";

/** Of so many seconds the mean is shown: devices that send every other second would make it jump. */
const rateSeconds = 5;

/** How much is going on, in the heading: `57 devices · 38 readings/s · 12 skipped`. */
export class Activity {
  #line = document.getElementById("activity");
  #count = 0;
  #counts = [];
  #dropped = 0;

  /** A reading came that is shown. */
  add() {
    this.#count += 1;
  }

  /** Readings were left out. */
  drop(count) {
    this.#dropped += count;
  }

  /** Another dashboard has other readings. */
  reset() {
    this.#counts = [];
  }

  /** Once a second. @param {number} deviceCount that are shown */
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
