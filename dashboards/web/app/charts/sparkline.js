import { clearCanvas, element } from "../shared/dom.js";
import { Polyline } from "./polyline.js";

/** Width of a column of points. Lines closer than this cannot be told apart. */
const columnPixels = 1.5;

/** The trend of a value: a small line without axes, which decorates the number beside it. */
export class Sparkline {
  /** The line that was drawn last. Its lowest and highest are the range of the window. */
  line = new Polyline();
  #observer;
  #width = 0;
  #height = 0;

  /** @param {() => void} onResize */
  constructor(onResize) {
    /** @type {HTMLCanvasElement} */
    this.canvas = element("canvas", { className: "spark", attributes: { "aria-hidden": "true" } });
    this.#observer = new ResizeObserver(() => {
      this.#width = this.canvas.clientWidth;
      this.#height = this.canvas.clientHeight;
      onResize();
    });
    this.#observer.observe(this.canvas);
  }

  /**
   * @param {import("../series/point-buffer.js").PointBuffer | import("../series/bucket-buffer.js").BucketBuffer} points
   * @param {{from: number, to: number, breakMs: number}} view
   * @param {string} color
   * @param {{time: number, value: number} | null} latest see {@link Polyline.take}
   */
  draw(points, view, color, latest = null) {
    const [width, height] = [this.#width, this.#height];
    if (width === 0 || height === 0) return;
    const { line } = this;
    line.take(points, { ...view, columns: width / columnPixels }, latest);
    const context = clearCanvas(this.canvas, { width, height })?.context;
    if (!context || line.count === 0) return;
    // A steady value is drawn in the middle, and noise of a thousandth counts as steady.
    const span = Math.max(line.highest - line.lowest, Math.abs(line.highest) * 0.004, 1e-6);
    const middle = (line.highest + line.lowest) / 2;
    const inset = 2;
    context.beginPath();
    let isDown = false;
    for (let index = 0; index < line.length; index += 1) {
      const y = line.ys[index];
      const left = ((line.xs[index] - view.from) / (view.to - view.from)) * width;
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
