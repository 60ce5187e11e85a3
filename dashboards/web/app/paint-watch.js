import { afterPaint } from "../client/after-paint.js";

/** Readings that wait for one panel; a panel that is drawn does not have that many. */
const maxWaiting = 1_000;

/**
 * Notices when readings are on the screen: the first panel that draws one ends its way.
 * @typedef {{journey: import("./journeys.js").Journey, envelope: object, panelCount?: number}} Waiting
 */
export class PaintWatch {
  /** By panel. @type {Map<object, Waiting[]>} */
  #waiting = new Map();
  /** Drawn in this frame. @type {Waiting[]} */
  #drawn = [];
  #tell;

  /**
   * @param {{onPainted: (waiting: Waiting) => void, onUnpainted: (waiting: Waiting) => void}} listeners `onUnpainted`:
   *   nobody sees it. A reading that several panels draw is told as painted several times, the first counts
   */
  constructor(listeners) {
    this.#tell = listeners;
    document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && this.#forgetAll());
  }

  /** @param {object[]} panels that can be seen and will draw the reading @param {Waiting} waiting */
  wait(panels, waiting) {
    if (panels.length === 0 || document.visibilityState === "hidden") return this.#tell.onUnpainted(waiting);
    waiting.panelCount = panels.length;
    for (const panel of panels) {
      let list = this.#waiting.get(panel);
      if (!list) this.#waiting.set(panel, (list = []));
      if (list.length >= maxWaiting) this.#giveUp(list.shift());
      list.push(waiting);
    }
  }

  /** A panel was drawn, in an animation frame. */
  drawn(panel) {
    const waiting = this.#waiting.get(panel);
    if (!waiting) return;
    this.#waiting.delete(panel);
    if (this.#drawn.length === 0) afterPaint(() => this.#painted(), { inFrame: true });
    this.#drawn.push(...waiting);
  }

  /** A panel is gone, or out of sight. */
  forget(panel) {
    const waiting = this.#waiting.get(panel);
    if (!waiting) return;
    this.#waiting.delete(panel);
    for (const one of waiting) this.#giveUp(one);
  }

  #painted() {
    const drawn = this.#drawn;
    this.#drawn = [];
    for (const one of drawn) this.#tell.onPainted(one);
  }

  /** One panel less; after the last one nobody is going to see it. */
  #giveUp(waiting) {
    waiting.panelCount -= 1;
    if (waiting.panelCount === 0) this.#tell.onUnpainted(waiting);
  }

  #forgetAll() {
    for (const panel of [...this.#waiting.keys()]) this.forget(panel);
  }
}
