const initialCapacity = 64;

/**
 * The points of a series in order of time: a ring of at most `maxPoints`.
 *
 * A full ring is thinned: only the lowest and the highest of each of `maxPoints / 4` equal intervals of the window
 * stay. The intervals are fixed in time, so that thinning again changes nothing. A long window loses detail, but not
 * its beginning.
 */
export class PointBuffer {
  #times = new Float64Array(initialCapacity);
  #values = new Float64Array(initialCapacity);
  #start = 0;
  #length = 0;
  #maxPoints;

  /** @param {number} maxPoints a power of two, 64 or more */
  constructor(maxPoints) {
    this.#maxPoints = maxPoints;
  }

  get length() {
    return this.#length;
  }

  /**
   * Returns the time of a point in Unix milliseconds.
   * @param {number} index 0 is the oldest
   */
  timeAt(index) {
    return this.#times[(this.#start + index) & (this.#times.length - 1)];
  }

  /** @param {number} index */
  valueAt(index) {
    return this.#values[(this.#start + index) & (this.#values.length - 1)];
  }

  // A reading is its own lowest and highest, so that charts draw readings and buckets alike.

  /** @param {number} index */
  lowAt(index) {
    return this.valueAt(index);
  }

  /** @param {number} index */
  highAt(index) {
    return this.valueAt(index);
  }

  countAt() {
    return 1;
  }

  /**
   * Returns the index of the first point at `time` or later; `length` when there is none.
   * @param {number} time
   */
  indexAt(time) {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.timeAt(middle) < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Inserts a point by its time. A point of the same time is replaced. Points before `oldestWanted` may be dropped.
   * @param {number} time Unix milliseconds
   * @param {number} value
   * @param {number} oldestWanted
   * @returns {boolean} false when a point was replaced
   */
  add(time, value, oldestWanted) {
    const index = this.#length === 0 || time > this.timeAt(this.#length - 1) ? this.#length : this.indexAt(time);
    if (index < this.#length && this.timeAt(index) === time) {
      this.#set(index, time, value);
      return false;
    }
    if (this.#length === this.#times.length) {
      this.#makeRoom(Math.max(time, this.timeAt(this.#length - 1)), oldestWanted);
      return this.add(time, value, oldestWanted);
    }
    for (let later = this.#length; later > index; later -= 1) {
      this.#set(later, this.timeAt(later - 1), this.valueAt(later - 1));
    }
    this.#length += 1;
    this.#set(index, time, value);
    return true;
  }

  /**
   * @param {number} index
   * @param {number} time
   * @param {number} value
   */
  #set(index, time, value) {
    const slot = (this.#start + index) & (this.#times.length - 1);
    this.#times[slot] = time;
    this.#values[slot] = value;
  }

  /**
   * @param {number} newest
   * @param {number} oldestWanted
   */
  #makeRoom(newest, oldestWanted) {
    // The last point before the window stays, because the line that enters the window starts there.
    this.#dropFirst(Math.max(0, this.indexAt(oldestWanted) - 1));
    if (this.#length < this.#times.length) return;
    if (this.#times.length < this.#maxPoints) return this.#grow();
    this.#thin(Math.max(1, ((newest - oldestWanted) * 4) / this.#maxPoints));
    // Nothing may be left to thin, depending on the times.
    if (this.#length === this.#times.length) this.#dropFirst(this.#length >> 2);
  }

  /** @param {number} count */
  #dropFirst(count) {
    this.#start = (this.#start + count) & (this.#times.length - 1);
    this.#length -= count;
  }

  #grow() {
    const times = new Float64Array(this.#times.length * 2);
    const values = new Float64Array(times.length);
    for (let index = 0; index < this.#length; index += 1) {
      times[index] = this.timeAt(index);
      values[index] = this.valueAt(index);
    }
    this.#times = times;
    this.#values = values;
    this.#start = 0;
  }

  /** @param {number} spanMs */
  #thin(spanMs) {
    let kept = 0;
    let index = 0;
    while (index < this.#length) {
      const end = (Math.floor(this.timeAt(index) / spanMs) + 1) * spanMs;
      let lowest = index;
      let highest = index;
      for (index += 1; index < this.#length && this.timeAt(index) < end; index += 1) {
        if (this.valueAt(index) < this.valueAt(lowest)) lowest = index;
        if (this.valueAt(index) >= this.valueAt(highest)) highest = index;
      }
      const first = Math.min(lowest, highest);
      const second = Math.max(lowest, highest);
      this.#set(kept++, this.timeAt(first), this.valueAt(first));
      if (second !== first) this.#set(kept++, this.timeAt(second), this.valueAt(second));
    }
    this.#length = kept;
  }
}
