import { byID, element, setText } from "../shared/dom.js";
import { formatDuration } from "../shared/format.js";
import { tabStorage } from "../shared/storage.js";

/** @typedef {import("../shared/gateway-types.js").PanelDefinition} PanelDefinition */
/**
 * A range of time.
 * @typedef {object} Range
 * @property {string} id as in the URL
 * @property {string} label
 * @property {number | null} ms null: each panel's own window, five minutes by default
 */
/** @type {Range[]} */
export const ranges = [
  { id: "5m", label: "5 min", ms: null },
  { id: "1h", label: "1 h", ms: 3_600_000 },
  { id: "24h", label: "24 h", ms: 86_400_000 },
  { id: "7d", label: "7 d", ms: 604_800_000 },
];

/** Key in the session storage. */
const key = "windsock.range";

/** The range of the dashboard: one choice for all panels, kept in the URL (`?range=`) and in the tab. */
export class RangePicker {
  #root = byID("ranges", "div");
  #buttons;
  #range = currentRange();
  #onChange;

  /** @param {(range: Range) => void} onChange the user has chosen another range */
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

  get range() {
    return this.#range;
  }

  /**
   * Takes the range of the URL, for example after going back.
   * @param {PanelDefinition[]} panels of the dashboard, which may have windows of their own
   */
  update(panels) {
    this.#range = currentRange();
    const windows = new Set(panels.filter(({ type }) => type === "chart").map(({ window_s: window = 300 }) => window));
    const [window] = windows;
    setText(this.#buttons[0], windows.size > 1 ? "Live" : `Live · ${formatDuration((window ?? 300) * 1000)}`);
    this.#mark();
  }

  /** @param {Range} range */
  #choose(range) {
    keepRange(range);
    if (range === this.#range) return;
    this.#range = range;
    this.#mark();
    this.#onChange(range);
  }

  #mark() {
    for (const button of this.#buttons) {
      button.setAttribute("aria-pressed", String(button.dataset.range === this.#range.id));
    }
    document.documentElement.dataset.range = this.#range.id;
  }

  /**
   * Moves the focus with the arrow keys.
   * @param {KeyboardEvent} event
   */
  #move(event) {
    const by = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
    if (by === 0) return;
    event.preventDefault();
    const focused = this.#buttons.findIndex((button) => button === document.activeElement);
    const index = focused + by;
    this.#buttons[Math.max(0, Math.min(this.#buttons.length - 1, index))].focus();
  }
}

/**
 * Returns the range of the URL, else the last choice in this tab, else the shortest.
 * @returns {Range}
 */
export function currentRange() {
  const id = new URLSearchParams(location.search).get("range") ?? tabStorage.getItem(key);
  return ranges.find((range) => range.id === id) ?? ranges[0];
}

/**
 * Keeps a choice in the URL and in this tab.
 * @param {Range} range
 */
export function keepRange({ id }) {
  tabStorage.setItem(key, id);
  const address = new URL(location.href);
  address.searchParams.set("range", id);
  history.replaceState(history.state, "", address);
}
