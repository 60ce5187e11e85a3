import { afterPaint } from "../../client/traces.js";

/** Readings that may await the next frame of a panel. A panel with more is not being drawn. */
const maxWaiting = 1_000;

/**
 * Detects when readings are on the screen. The first panel that draws a reading ends its journey.
 * @typedef {{journey: import("./journeys.js").Journey, envelope: import("../../windsock-client.js").Envelope,
 *   panelCount?: number}} Waiting `panelCount`: visible panels that have not drawn it yet
 */
export class PaintWatch {
  /**
   * Readings that await the next frame, by panel.
   * @type {Map<object, Waiting[]>}
   */
  #waiting = new Map();
  /**
   * Readings drawn in this frame.
   * @type {Waiting[]}
   */
  #drawn = [];
  #listeners;

  /**
   * @param {{onPainted: (waiting: Waiting) => void, onUnpainted: (waiting: Waiting) => void}} listeners `onPainted` is
   *   called for each panel that draws the reading; the first call counts
   */
  constructor(listeners) {
    this.#listeners = listeners;
    document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && this.#forgetAll());
  }

  /**
   * @param {object[]} panels visible panels that will draw the reading
   * @param {Waiting} waiting
   */
  wait(panels, waiting) {
    if (panels.length === 0 || document.visibilityState === "hidden") return this.#listeners.onUnpainted(waiting);
    waiting.panelCount = panels.length;
    for (const panel of panels) {
      let list = this.#waiting.get(panel);
      if (!list) this.#waiting.set(panel, (list = []));
      list.push(waiting);
      if (list.length > maxWaiting) this.#giveUp(list.splice(0, 1)[0]);
    }
  }

  /**
   * Takes a panel that was drawn in an animation frame.
   * @param {object} panel
   */
  drawn(panel) {
    const waiting = this.#waiting.get(panel);
    if (!waiting) return;
    this.#waiting.delete(panel);
    if (this.#drawn.length === 0) afterPaint(() => this.#painted(), { inFrame: true });
    this.#drawn.push(...waiting);
  }

  /**
   * Takes a panel that was removed or is not visible any more.
   * @param {object} panel
   */
  forget(panel) {
    const waiting = this.#waiting.get(panel);
    if (!waiting) return;
    this.#waiting.delete(panel);
    for (const one of waiting) this.#giveUp(one);
  }

  #painted() {
    const drawn = this.#drawn;
    this.#drawn = [];
    for (const one of drawn) this.#listeners.onPainted(one);
  }

  /**
   * Notes that a panel will not draw a reading. After the last panel the reading is unpainted.
   * @param {Waiting} waiting
   */
  #giveUp(waiting) {
    waiting.panelCount = (waiting.panelCount ?? 1) - 1;
    if (waiting.panelCount === 0) this.#listeners.onUnpainted(waiting);
  }

  #forgetAll() {
    for (const panel of [...this.#waiting.keys()]) this.forget(panel);
  }
}
