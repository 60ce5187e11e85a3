import { element } from "../dom.js";
import { Trace } from "../trace.js";

/** A line can be told from its neighbour at this many pixels; fewer would be drawn for nothing. */
const columnPixels = 1.5;

/** The trend of one value: a small line without axes, decoration to the number beside it. */
export class Sparkline {
  /** What was drawn last: its lowest and highest are the range of the window. */
  trace = new Trace();
  #observer;
  #width = 0;
  #height = 0;

  /** @param {() => void} onResize */
  constructor(onResize) {
    this.canvas = element("canvas", { className: "spark", attributes: { "aria-hidden": "true" } });
    this.#observer = new ResizeObserver(() => {
      this.#width = this.canvas.clientWidth;
      this.#height = this.canvas.clientHeight;
      onResize();
    });
    this.#observer.observe(this.canvas);
  }

  /**
   * @param {import("../point-buffer.js").PointBuffer | import("../bucket-buffer.js").BucketBuffer} points
   * @param {{from: number, to: number, breakMs: number}} view
   * @param {string} color
   */
  draw(points, view, color) {
    const [width, height] = [this.#width, this.#height];
    if (width === 0 || height === 0) return;
    const { trace } = this;
    trace.take(points, { ...view, columns: width / columnPixels });
    const scale = devicePixelRatio;
    if (this.canvas.width !== Math.round(width * scale) || this.canvas.height !== Math.round(height * scale)) {
      this.canvas.width = Math.round(width * scale);
      this.canvas.height = Math.round(height * scale);
    }
    const context = this.canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    if (trace.count === 0) return;
    // A steady value is a line in the middle, and noise of a thousandth is steady.
    const span = Math.max(trace.highest - trace.lowest, Math.abs(trace.highest) * 0.004, 1e-6);
    const middle = (trace.highest + trace.lowest) / 2;
    const inset = 2;
    context.beginPath();
    let isDown = false;
    for (let index = 0; index < trace.length; index += 1) {
      const y = trace.ys[index];
      const left = ((trace.xs[index] - view.from) / (view.to - view.from)) * width;
      const top = height / 2 - ((y - middle) / span) * (height - 2 * inset);
      if (isDown && !Number.isNaN(y)) context.lineTo(left, top);
      else if (!Number.isNaN(y)) context.moveTo(left, top);
      isDown = !Number.isNaN(y);
    }
    context.strokeStyle = color;
    context.lineWidth = 1.5;
    context.lineJoin = context.lineCap = "round";
    context.stroke();
  }

  destroy() {
    this.#observer.disconnect();
  }
}
