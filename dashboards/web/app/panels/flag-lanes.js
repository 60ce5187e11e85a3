/** A flag is so wide and high: enough to be hit with a finger (WCAG 2.5.8). */
export const flagPixels = 24;

/** Where the flags of alerts go, so that none covers another: beneath those that began shortly before. */
export class FlagLanes {
  #plot;
  /** Where the last flag of each lane ends. @type {number[]} */
  #ends;

  /** @param {{left: number, right: number, top: number, bottom: number}} plot in pixels */
  constructor(plot) {
    this.#plot = plot;
    this.#ends = Array(Math.max(1, Math.floor((plot.bottom - plot.top) / flagPixels))).fill(-Infinity);
  }

  /**
   * The place of the next flag, in the order of time; where there is none left it covers another.
   * @param {number} left where its alert begins
   * @returns {{left: number, top: number}}
   */
  place(left) {
    const own = Math.max(this.#plot.left, Math.min(left, this.#plot.right - flagPixels));
    const lane = Math.max(0, this.#ends.findIndex((end) => end <= own));
    this.#ends[lane] = own + flagPixels;
    return { left: own, top: this.#plot.top + lane * flagPixels };
  }
}
