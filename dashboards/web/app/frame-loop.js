/** Nobody reads faster than this; a device with 10 readings a second is still shown reading by reading. */
const shortestIntervalMs = 95;
/** A panel that takes long to draw waits so many times as long: drawing never takes more than a third of the time. */
const restFactor = 2;

/**
 * Draws panels: only those that changed and can be seen, at most once an animation frame.
 *
 * A panel that rested long enough is drawn in the very next frame, so a single reading is never held back.
 * @typedef {{draw: (frameTime: number) => void, isVisible: boolean}} Drawable
 */
export class FrameLoop {
  /** @type {Map<Drawable, number>} when each panel may be drawn next */
  #due = new Map();
  /** @type {Set<Drawable>} */
  #dirty = new Set();
  #frame = 0;
  #timer = 0;
  #minimumMs;
  #onDrawn;

  /**
   * @param {{minimumMs?: number, onDrawn?: (panel: Drawable) => void}} [options] `minimumMs`: the shortest time between
   *   two draws of a panel
   */
  constructor({ minimumMs = shortestIntervalMs, onDrawn = () => {} } = {}) {
    this.#minimumMs = minimumMs;
    this.#onDrawn = onDrawn;
  }

  /** @param {Drawable} panel @param {{now?: boolean}} [options] `now`: an answer to the user, which does not wait */
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
