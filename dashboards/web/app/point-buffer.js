const initialCapacity = 64;

/**
 * The points of one series, ordered by time, in a ring of at most `maxPoints`.
 *
 * When it is full of points that are still wanted, the older half is thinned to the lowest and highest of every four,
 * so that a long window loses detail instead of its beginning.
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

  /** The time of the point at `index` (0 is the oldest), in Unix milliseconds. */
  timeAt(index) {
    return this.#times[(this.#start + index) & (this.#times.length - 1)];
  }

  valueAt(index) {
    return this.#values[(this.#start + index) & (this.#values.length - 1)];
  }

  /** The index of the first point at `time` or later; `length` when there is none. */
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
   * Adds a point in its place by time. One of the same time replaces the older one; points before `oldestWanted` are
   * dropped.
   */
  add(time, value, oldestWanted) {
    const index = this.#length === 0 || time > this.timeAt(this.#length - 1) ? this.#length : this.indexAt(time);
    if (index < this.#length && this.timeAt(index) === time) {
      this.#set(index, time, value);
      return;
    }
    if (this.#length === this.#times.length) {
      const dropped = this.#dropBefore(oldestWanted);
      const thinned = dropped > 0 || this.#times.length < this.#maxPoints ? 0 : this.#thin();
      if (dropped + thinned === 0) this.#grow();
      this.add(time, value, oldestWanted);
      return;
    }
    for (let later = this.#length; later > index; later -= 1) {
      this.#set(later, this.timeAt(later - 1), this.valueAt(later - 1));
    }
    this.#length += 1;
    this.#set(index, time, value);
  }

  #set(index, time, value) {
    const slot = (this.#start + index) & (this.#times.length - 1);
    this.#times[slot] = time;
    this.#values[slot] = value;
  }

  #dropBefore(time) {
    // The last point before the window stays: the line that enters the window begins there.
    const count = Math.max(0, this.indexAt(time) - 1);
    this.#start = (this.#start + count) & (this.#times.length - 1);
    this.#length -= count;
    return count;
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

  #thin() {
    const half = this.#length >> 1;
    let kept = 0;
    for (let group = 0; group < half; group += 4) {
      let lowest = group;
      let highest = group;
      for (let index = group + 1; index < Math.min(group + 4, half); index += 1) {
        if (this.valueAt(index) < this.valueAt(lowest)) lowest = index;
        if (this.valueAt(index) >= this.valueAt(highest)) highest = index;
      }
      const first = Math.min(lowest, highest);
      const second = Math.max(lowest, highest);
      this.#set(kept++, this.timeAt(first), this.valueAt(first));
      if (second !== first) this.#set(kept++, this.timeAt(second), this.valueAt(second));
    }
    const removed = half - kept;
    for (let index = half; index < this.#length; index += 1) {
      this.#set(index - removed, this.timeAt(index), this.valueAt(index));
    }
    this.#length -= removed;
    return removed;
  }
}
