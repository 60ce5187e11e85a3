/**
 * A fake clock for timers, `performance.now` and `Date.now`. Node's own fake timers differ between its versions.
 */
export class TestClock {
  #now;
  #timers = new Map();
  #nextID = 1;
  #saved = {};

  /** @param {number} [start] Unix milliseconds */
  constructor(start = 1_800_000_000_000) {
    this.#now = start;
    this.start = start;
    const replaced = {
      setTimeout: (action, delay = 0) => this.#add(action, delay, null),
      setInterval: (action, delay) => this.#add(action, delay, delay),
      clearTimeout: (id) => this.#timers.delete(id),
      clearInterval: (id) => this.#timers.delete(id),
    };
    for (const name in replaced) {
      this.#saved[name] = globalThis[name];
      globalThis[name] = replaced[name];
    }
    this.#saved.dateNow = Date.now;
    this.#saved.performance = performance;
    Date.now = () => this.#now;
    setPerformance({ timeOrigin: start, now: () => this.#now - start });
  }

  get now() {
    return this.#now;
  }

  /** Advances the clock. Due timers fire in order, each followed by the promises that it settles. */
  async advance(milliseconds) {
    const end = this.#now + milliseconds;
    await settled();
    for (;;) {
      const [due] = [...this.#timers].sort(([, a], [, b]) => a.at - b.at);
      if (!due || due[1].at > end) break;
      const [id, timer] = due;
      this.#now = Math.max(this.#now, timer.at);
      if (timer.every === null) this.#timers.delete(id);
      else timer.at += timer.every;
      timer.action();
      await settled();
    }
    this.#now = end;
  }

  /** Advances the clock without timers, as when the computer sleeps. */
  sleep(milliseconds) {
    this.#now += milliseconds;
  }

  restore() {
    const { dateNow, performance: steady, ...timers } = this.#saved;
    Object.assign(globalThis, timers);
    Date.now = dateNow;
    setPerformance(steady);
  }

  #add(action, delay, every) {
    const id = this.#nextID++;
    this.#timers.set(id, { action, at: this.#now + delay, every });
    return id;
  }
}

/** Replaces `performance`, which is read-only in Node 18. */
function setPerformance(value) {
  Object.defineProperty(globalThis, "performance", { value, configurable: true, writable: true });
}

/** Resolves after all pending promises. */
export function settled() {
  return new Promise((resolve) => setImmediate(resolve));
}
