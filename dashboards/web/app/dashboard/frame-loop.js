/**
 * Shortest interval between two frames of a panel. It still shows each reading of a device with 10 readings per second.
 */
const shortestIntervalMs = 95;
/** A panel rests for this many times its drawing time, so that drawing takes at most a third of the time. */
const restFactor = 2;

/**
 * Draws panels that changed and are visible, at most once in an animation frame.
 *
 * A panel that has rested is drawn in the next frame, so a single reading is never delayed.
 * @typedef {{draw: (frameTime: number) => void, isVisible: boolean}} Drawable
 */
export class FrameLoop {
  /**
   * Earliest time of each panel's next frame.
   * @type {Map<Drawable, number>}
   */
  #due = new Map();
  /** @type {Set<Drawable>} */
  #dirty = new Set();
  #frame = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #minimumMs;
  #onDrawn;

  /**
   * @param {{minimumMs?: number, onDrawn?: (panel: Drawable) => void}} options `minimumMs`: shortest interval between
   *   two frames of a panel
   */
  constructor({ minimumMs = shortestIntervalMs, onDrawn = () => {} } = {}) {
    this.#minimumMs = minimumMs;
    this.#onDrawn = onDrawn;
  }

  /**
   * Schedules a panel for drawing.
   * @param {Drawable} panel
   * @param {{now?: boolean}} options `now`: after an action of the user, without a rest
   */
  mark(panel, { now = false } = {}) {
    if (now) this.#due.delete(panel);
    else if (this.#dirty.has(panel)) return;
    this.#dirty.add(panel);
    if (panel.isVisible) this.#schedule();
  }

  /** @param {Drawable} panel */
  forget(panel) {
    this.#dirty.delete(panel);
    this.#due.delete(panel);
  }

  #schedule() {
    if (this.#frame === 0) this.#frame = requestAnimationFrame((time) => this.#drawAll(time));
  }

  /** @param {number} time */
  #drawAll(time) {
    this.#frame = 0;
    clearTimeout(this.#timer);
    let next = Infinity;
    for (const panel of this.#dirty) {
      if (!panel.isVisible) continue;
      const due = this.#due.get(panel) ?? 0;
      if (due > time) {
        next = Math.min(next, due);
        continue;
      }
      this.#dirty.delete(panel);
      const start = performance.now();
      panel.draw(time);
      this.#onDrawn(panel);
      const cost = performance.now() - start;
      this.#due.set(panel, time + Math.max(this.#minimumMs, cost * (restFactor + 1)));
    }
    if (next < Infinity) this.#timer = setTimeout(() => this.#schedule(), Math.max(0, next - performance.now()));
  }
}
