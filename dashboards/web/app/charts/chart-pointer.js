import { setData, setText } from "../shared/dom.js";

/** @typedef {import("../series/series-store.js").Series} Series */
/**
 * A reading or bucket. `value` is the mean of the `count` readings of a bucket.
 * @typedef {{series: Series, time: number, value: number, low: number, high: number, count: number}} ChartPoint
 */

/** The point of a chart that the user selects with the pointer or the arrow keys, and opens with a click or Enter. */
export class ChartPointer {
  /**
   * The place under the pointer.
   * @type {import("./line-chart.js").ChartPlace | null}
   */
  hover = null;
  #cursor = new PointCursor();
  #plot;
  #spoken;
  #ports;

  /**
   * @param {HTMLElement} plot the element that gets the events
   * @param {HTMLElement} spoken announces the selected point to screen readers
   * @param {object} ports
   * @param {() => import("./line-chart.js").LineChart | null} ports.chart
   * @param {() => Series[]} ports.shown series with a visible line
   * @param {(point: ChartPoint) => string} ports.text describes a point
   * @param {(point: ChartPoint) => void} ports.onOpen the user opens a point
   * @param {() => void} ports.onChange
   */
  constructor(plot, spoken, ports) {
    this.#plot = plot;
    this.#spoken = spoken;
    this.#ports = ports;
    plot.addEventListener("pointermove", (event) => this.#point(event));
    plot.addEventListener("pointerleave", () => this.#point(null));
    plot.addEventListener("click", (event) => {
      // A finger does not hover before it taps.
      this.#point(event);
      this.#open();
    });
    plot.addEventListener("keydown", (event) => this.#press(event));
    plot.addEventListener("blur", () => this.#clear());
  }

  /** The point that a click or Enter opens. */
  get point() {
    return this.#cursor.point;
  }

  /** @param {PointerEvent | MouseEvent | null} event null: the pointer has left */
  #point(event) {
    const chart = this.#ports.chart();
    this.#cursor.clear();
    this.hover = null;
    if (event && chart) {
      const bounds = this.#plot.getBoundingClientRect();
      const [x, y] = [event.clientX - bounds.left, event.clientY - bounds.top];
      this.hover = chart.at(x, y);
      if (this.hover) this.#cursor.moveTo(chart, this.#ports.shown(), x, y);
    }
    setData(this.#plot, "point", this.point?.count === 1 ? "true" : null);
    this.#ports.onChange();
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    // Buttons on the plot handle their own keys.
    if (event.target !== this.#plot) return;
    if (event.key === "Enter") {
      // The key must not also press the button that gets the focus when the dialog opens.
      event.preventDefault();
      this.#open();
    } else if (event.key === "Escape" && this.point) {
      this.#clear();
      event.stopPropagation();
    } else if (this.#cursor.step(event.key, this.#ports.shown())) {
      event.preventDefault();
      this.hover = this.point && { time: this.point.time, value: this.point.value };
      setText(this.#spoken, this.point ? this.#ports.text(this.point) : "No reading");
      this.#ports.onChange();
    }
  }

  #open() {
    if (this.point) this.#ports.onOpen(this.point);
  }

  #clear() {
    this.#cursor.clear();
    this.hover = null;
    this.#ports.onChange();
  }
}

/** Distance in pixels within which the pointer selects a point. */
const reachPixels = 28;

/**
 * The selected point: the one nearest to the pointer, or the one chosen with the arrow keys.
 *
 * It is identified by its series and time, because indexes change with every reading.
 */
class PointCursor {
  /** @type {ChartPoint | null} */
  point = null;

  clear() {
    this.point = null;
  }

  /**
   * Selects the point nearest to a place on the canvas, if one is near.
   * @param {import("./line-chart.js").LineChart} chart
   * @param {Series[]} shown
   * @param {number} x
   * @param {number} y
   */
  moveTo(chart, shown, x, y) {
    const from = chart.at(x - reachPixels, y)?.time ?? -Infinity;
    const to = chart.at(x + reachPixels, y)?.time ?? Infinity;
    let least = reachPixels;
    this.point = null;
    for (const series of shown) {
      const points = series.track;
      for (let index = points.indexAt(from); index < points.length && points.timeAt(index) <= to; index += 1) {
        const distance = chart.distance(x, y, points.timeAt(index), points.valueAt(index));
        if (distance > least) continue;
        least = distance;
        this.#take(series, index);
      }
    }
  }

  /**
   * Moves by one key.
   * @param {string} key as the event names it
   * @param {Series[]} shown
   * @returns {boolean} whether the key moves the selection
   */
  step(key, shown) {
    if (!["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"].includes(key)) return false;
    const { point } = this;
    const current = point ? shown.indexOf(point.series) : -1;
    const lines = key === "ArrowUp" ? -1 : key === "ArrowDown" ? 1 : 0;
    const series = shown[current < 0 ? 0 : (current + lines + shown.length) % shown.length];
    if (!series || series.track.length === 0) return true;
    const points = series.track;
    const last = points.length - 1;
    if (!point || current < 0 || key === "End") this.#take(series, last);
    else if (key === "Home") this.#take(series, 0);
    else {
      const by = key === "ArrowLeft" ? -1 : key === "ArrowRight" ? 1 : 0;
      this.#take(series, Math.max(0, Math.min(last, points.indexAt(point.time) + by)));
    }
    return true;
  }

  /**
   * @param {Series} series
   * @param {number} index
   */
  #take(series, index) {
    const { track } = series;
    this.point = {
      series, time: track.timeAt(index), value: track.valueAt(index),
      low: track.lowAt(index), high: track.highAt(index), count: track.countAt(index),
    };
  }
}
