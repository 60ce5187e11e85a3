import { element } from "../shared/dom.js";
import { panned, pinched, zoomed } from "../shared/time-range.js";

/** @typedef {import("../shared/time-range.js").Span} Span */
/**
 * The members of the range picker that gestures use.
 * @typedef {Pick<import("../dashboard/range-picker.js").RangePicker, "preview" | "fix" | "reset" | "isFixed">
 * } ZoomRange
 */

/** Distance from which a press is a drag, not a click. */
const dragPixels = 6;
/** Pause after which turning the wheel or pressing keys counts as ended, so that history is requested once. */
const settleMs = 300;
const keyFactor = 0.5;
/** Share of the range that a key moves by. */
const keyShare = 0.25;

/**
 * Zooms and pans by mouse, touch and keyboard. While a gesture lasts the charts follow it; its end chooses the range.
 *
 * | Gesture | Effect |
 * |---|---|
 * | drag | selects the range |
 * | Shift and drag, with a zoom also a finger | pans |
 * | two fingers | zooms and pans |
 * | Ctrl or ⌘ and the wheel, `+`, `-` | zooms |
 * | Shift or sideways and the wheel, Shift and arrow keys | pans |
 * | double-click, Escape | resets |
 */
export class ChartZoom {
  #plot;
  #ports;
  #selection = element("div", { className: "chart-selection", attributes: { "aria-hidden": "true" }, hidden: true });
  /**
   * Places of the pressed pointers as fractions of the plot's width.
   * @type {Map<number, number>}
   */
  #pressed = new Map();
  /**
   * The gesture of the pressed pointers. `times` are under the pointers at its start.
   * @type {{kind: "select" | "pan" | "pinch", start: number, times: number[], span: Span, isDrag: boolean} | null}
   */
  #gesture = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /**
   * The last span of a gesture that is not chosen yet.
   * @type {Span | null}
   */
  #pending = null;

  /**
   * Listens before others do, so that the keys and clicks of a gesture have no second meaning.
   * @param {HTMLElement} plot the element that gets the events
   * @param {object} ports
   * @param {() => import("./line-chart.js").LineChart | null} ports.chart
   * @param {() => Span} ports.shown the span that the chart shows
   * @param {() => number} ports.now the gateway's time
   * @param {() => {time: number} | null} ports.point the selected point, which Escape clears first
   * @param {ZoomRange} ports.range
   */
  constructor(plot, ports) {
    this.#plot = plot;
    this.#ports = ports;
    plot.append(this.#selection);
    plot.addEventListener("pointerdown", (event) => this.#press(event));
    plot.addEventListener("pointermove", (event) => this.#move(event));
    plot.addEventListener("pointerup", (event) => this.#release(event));
    plot.addEventListener("pointercancel", () => this.#cancel());
    plot.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    plot.addEventListener("keydown", (event) => this.#key(event));
    plot.addEventListener("dblclick", () => ports.range.isFixed && this.#reset());
  }

  /** Forgets a gesture that has not ended. */
  destroy() {
    clearTimeout(this.#timer);
  }

  /**
   * Returns the place of an event as a fraction of the plot's width.
   * @param {MouseEvent} event
   */
  #place(event) {
    return this.#ports.chart()?.share(event.clientX - this.#plot.getBoundingClientRect().left) ?? 0;
  }

  /** @param {PointerEvent} event */
  #press(event) {
    if (event.button !== 0 || !this.#ports.chart() || /** @type {Element} */ (event.target).closest("button")) return;
    this.#settle();
    this.#pressed.set(event.pointerId, this.#place(event));
    const { range } = this.#ports;
    const isTouch = event.pointerType === "touch";
    if (this.#pressed.size > 2) return this.#cancel();
    if (this.#pressed.size === 2) this.#begin("pinch");
    // One finger reads values, as the mouse without a button does. It pans where there is something to pan.
    else if (event.shiftKey || (isTouch && range.isFixed)) this.#begin("pan");
    else if (!isTouch) this.#begin("select");
  }

  /** @param {"select" | "pan" | "pinch"} kind */
  #begin(kind) {
    const span = this.#ports.shown();
    const places = [...this.#pressed.values()];
    const times = places.map((place) => span.from + place * (span.to - span.from));
    this.#gesture = { kind, start: places[0], times, span, isDrag: kind === "pinch" };
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const { chart, now, range } = this.#ports;
    if (!this.#gesture || !this.#pressed.has(event.pointerId)) return;
    // The button was released outside the plot, which got no event of it.
    if (event.buttons === 0) return this.#cancel();
    const place = this.#place(event);
    this.#pressed.set(event.pointerId, place);
    const { kind, start, times, span } = this.#gesture;
    if (Math.abs(place - start) * (chart()?.columns ?? 1) >= dragPixels) this.#gesture.isDrag = true;
    if (!this.#gesture.isDrag) return;
    this.#plot.setPointerCapture(event.pointerId);
    if (kind === "select") return this.#showSelection(start, place);
    const places = [...this.#pressed.values()];
    const next = kind === "pan"
      ? panned(span, times[0] - (span.from + place * (span.to - span.from)), now())
      : pinched([times[0], times[1]], [places[0], places[1]], now());
    if (!next) return;
    this.#pending = next;
    range.preview(next);
  }

  /** @param {PointerEvent} event */
  #release(event) {
    const gesture = this.#gesture;
    if (!this.#pressed.delete(event.pointerId) || !gesture) return;
    this.#gesture = null;
    this.#pressed.clear();
    this.#selection.hidden = true;
    if (!gesture.isDrag) return;
    this.#swallowClick();
    if (gesture.kind === "select") {
      const { from, to } = gesture.span;
      const end = from + Math.min(1, Math.max(0, this.#place(event))) * (to - from);
      const begin = Math.min(to, Math.max(from, gesture.times[0]));
      if (begin !== end) this.#ports.range.fix({ from: Math.min(begin, end), to: Math.max(begin, end) });
    } else this.#settle();
  }

  #cancel() {
    const wasShown = this.#pending !== null;
    this.#gesture = this.#pending = null;
    this.#pressed.clear();
    this.#selection.hidden = true;
    if (wasShown) this.#ports.range.preview(null);
  }

  /** Keeps the click that ends a drag from opening a point. */
  #swallowClick() {
    /** @param {Event} event */
    const swallow = (event) => event.stopImmediatePropagation();
    this.#plot.addEventListener("click", swallow, { capture: true, once: true });
    setTimeout(() => this.#plot.removeEventListener("click", swallow, { capture: true }));
  }

  /**
   * @param {number} start
   * @param {number} end
   */
  #showSelection(start, end) {
    const chart = this.#ports.chart();
    if (!chart) return;
    const [left, right] = [start, end].sort((a, b) => a - b).map((place) => chart.place(place));
    const { top, bottom } = chart.height;
    this.#selection.hidden = false;
    const { style } = this.#selection;
    style.left = `${left}px`;
    style.width = `${right - left}px`;
    style.top = `${top}px`;
    style.height = `${bottom - top}px`;
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    const isZoom = event.ctrlKey || event.metaKey;
    const across = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    const isPan = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if (!this.#ports.chart() || !(isZoom || isPan)) return;
    event.preventDefault();
    const span = this.#span;
    const length = span.to - span.from;
    const steps = wheelSteps(isZoom ? event.deltaY : across, event.deltaMode);
    if (isZoom) this.#soon(zoomed(span, 1.25 ** steps, span.from + this.#place(event) * length, this.#ports.now()));
    else this.#soon(panned(span, steps * length * 0.1, this.#ports.now()));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.target !== this.#plot || event.ctrlKey || event.metaKey || event.altKey) return;
    const span = this.#span;
    const { now, range, point } = this.#ports;
    const middle = point()?.time ?? (span.from + span.to) / 2;
    const by = (span.to - span.from) * keyShare;
    if (event.key === "Escape") {
      if (this.#gesture) this.#cancel();
      else if (range.isFixed && !point()) this.#reset();
      else return;
    } else if (event.key === "+" || event.key === "=") this.#soon(zoomed(span, keyFactor, middle, now()));
    else if (event.key === "-" || event.key === "_") this.#soon(zoomed(span, 1 / keyFactor, middle, now()));
    else if (event.shiftKey && event.key === "ArrowLeft") this.#soon(panned(span, -by, now()));
    else if (event.shiftKey && event.key === "ArrowRight") this.#soon(panned(span, by, now()));
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  get #span() {
    return this.#pending ?? this.#ports.shown();
  }

  /**
   * Shows a span, and chooses it when nothing follows.
   * @param {Span} span
   */
  #soon(span) {
    this.#pending = span;
    this.#ports.range.preview(span);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#settle(), settleMs);
  }

  #settle() {
    clearTimeout(this.#timer);
    const span = this.#pending;
    this.#pending = null;
    if (span) this.#ports.range.fix(span);
  }

  #reset() {
    clearTimeout(this.#timer);
    this.#pending = null;
    this.#ports.range.reset();
  }
}

/** Pixels of a usual step of a wheel, and of a line. */
const stepPixels = 100;
const linePixels = 33;

/**
 * Converts a movement of the wheel into steps, at most three at once.
 * @param {number} delta
 * @param {number} mode of the event: 0 pixels, 1 lines, 2 pages
 */
export function wheelSteps(delta, mode) {
  const pixels = mode === 0 ? delta : delta * (mode === 1 ? linePixels : stepPixels);
  return Math.max(-3, Math.min(3, pixels / stepPixels));
}
