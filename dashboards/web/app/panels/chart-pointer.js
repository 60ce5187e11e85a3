import { setData, setText } from "../dom.js";
import { PointCursor } from "./point-cursor.js";

/** What the user points at in a chart, with the pointer or with the arrow keys, and opens with a click or Enter. */
export class ChartPointer {
  /** The place under the pointer. @type {{time: number, value: number} | null} */
  hover = null;
  #cursor = new PointCursor();
  #plot;
  #spoken;
  #ports;

  /**
   * @param {HTMLElement} plot what listens
   * @param {HTMLElement} spoken says the chosen point to screen readers
   * @param {object} ports
   * @param {() => import("./line-chart.js").LineChart | null} ports.chart
   * @param {() => import("../series-store.js").Series[]} ports.shown the series whose lines can be seen
   * @param {(point: object) => string} ports.text a point in words
   * @param {(point: object) => void} ports.onOpen somebody asks about a point
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

  #press(event) {
    // Buttons on the plot have their own keys.
    if (event.target !== this.#plot) return;
    if (event.key === "Enter") {
      // The same key would press the button that gets the focus when the dialog opens.
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
