import { element, setText } from "./dom.js";
import { formatDuration } from "./format.js";
import { currentRange, keepRange, ranges } from "./ranges.js";

/** How far back the dashboard goes: one choice for all of its panels, kept in the address (`?range=`) and in the tab. */
export class RangePicker {
  #root = document.getElementById("ranges");
  #buttons;
  #range = currentRange();
  #onChange;

  /** @param {(range: import("./ranges.js").Range) => void} onChange called when the user has chosen another one */
  constructor(onChange) {
    this.#onChange = onChange;
    this.#buttons = ranges.map((range) =>
      element("button", {
        type: "button", className: "range", dataset: { range: range.id }, onclick: () => this.#choose(range),
      }, range.label));
    this.#root.append(...this.#buttons);
    this.#root.addEventListener("keydown", (event) => this.#move(event));
    this.#mark();
  }

  /** @returns {import("./ranges.js").Range} */
  get range() {
    return this.#range;
  }

  /** Takes the range of the address, as after going back. @param {object[]} panels of the dashboard, which may have windows of their own */
  update(panels) {
    this.#range = currentRange();
    const windows = new Set(panels.filter(({ type }) => type === "chart").map(({ window_s: window = 300 }) => window));
    const [window] = windows;
    setText(this.#buttons[0], windows.size > 1 ? "Live" : `Live · ${formatDuration((window ?? 300) * 1000)}`);
    this.#mark();
  }

  #choose(range) {
    keepRange(range);
    if (range === this.#range) return;
    this.#range = range;
    this.#mark();
    this.#onChange(range);
  }

  #mark() {
    for (const button of this.#buttons) {
      button.setAttribute("aria-pressed", button.dataset.range === this.#range.id);
    }
    document.documentElement.dataset.range = this.#range.id;
  }

  #move(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const index = this.#buttons.indexOf(document.activeElement) + by;
    this.#buttons[Math.max(0, Math.min(this.#buttons.length - 1, index))].focus();
  }
}
