import { byID, element, setText } from "../shared/dom.js";
import { formatDuration } from "../shared/format.js";
import { tabStorage } from "../shared/storage.js";
import { addressTime, fixedRange, inputTime, rangeOfAddress, ranges, spanOfInputs } from "../shared/time-range.js";

/** @typedef {import("../shared/gateway-types.js").PanelDefinition} PanelDefinition */
/** @typedef {import("../shared/time-range.js").Range} Range */
/** @typedef {import("../shared/time-range.js").Span} Span */

/** Key in the session storage. */
const key = "windsock.range";

/**
 * The range of the dashboard: one choice for all panels, kept in the URL. `?range=` names a range that ends now, which
 * the tab keeps as well; `?from=` and `?to=` are a fixed range, chosen with the form or by zooming into a chart.
 */
export class RangePicker {
  #root = byID("ranges", "div");
  #form = byID("range-form", "form");
  #from = byID("range-from", "input");
  #to = byID("range-to", "input");
  #error = byID("range-error", "p");
  #buttons;
  #custom;
  #reset;
  #range = currentRange();
  /**
   * A range that follows a gesture which has not ended.
   * @type {Range | null}
   */
  #preview = null;
  #ports;

  /**
   * @param {object} ports
   * @param {(range: Range) => void} ports.onChange the user has chosen another range
   * @param {() => void} ports.onPreview the range follows a gesture
   * @param {() => Span} ports.shown the span that the charts show
   */
  constructor(ports) {
    this.#ports = ports;
    this.#buttons = ranges.map((range) =>
      element("button", {
        type: "button", className: "range", dataset: { range: range.id }, onclick: () => this.#choose(range),
      }, range.label));
    this.#custom = element("button", {
      type: "button", className: "range", dataset: { range: "fixed" }, onclick: () => this.#toggleForm(),
      attributes: { "aria-expanded": "false", "aria-controls": "range-form" },
    });
    this.#reset = element("button", {
      type: "button", className: "range", title: "Back to the range that ends now", hidden: true,
      dataset: { testid: "range-reset" }, onclick: () => this.reset(),
    }, "Reset");
    this.#root.append(...this.#buttons, this.#custom, this.#reset);
    this.#root.addEventListener("keydown", (event) => this.#move(event));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#form.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.#closeForm();
      this.#custom.focus();
    });
    this.#mark();
  }

  get range() {
    return this.#preview ?? this.#range;
  }

  /** Whether the charts show a fixed range. */
  get isFixed() {
    return this.range.span !== undefined;
  }

  /**
   * Takes the range of the URL, for example after going back.
   * @param {PanelDefinition[]} panels of the dashboard, which may have windows of their own
   */
  update(panels) {
    this.#range = currentRange();
    this.#preview = null;
    const windows = new Set(panels.filter(({ type }) => type === "chart").map(({ window_s: window = 300 }) => window));
    const [window] = windows;
    setText(this.#buttons[0], windows.size > 1 ? "Live" : `Live · ${formatDuration((window ?? 300) * 1000)}`);
    this.#mark();
  }

  /**
   * Shows a span while a gesture lasts; null ends that without a choice.
   * @param {Span | null} span
   */
  preview(span) {
    this.#preview = span && fixedRange(span);
    this.#mark();
    this.#ports.onPreview();
  }

  /**
   * Chooses a fixed range.
   * @param {Span} span
   */
  fix(span) {
    this.#choose(fixedRange(span));
  }

  /** Returns to the range that ends now. */
  reset() {
    this.#choose(presetRange());
  }

  /** @param {Range} range */
  #choose(range) {
    keepRange(range);
    this.#preview = null;
    this.#closeForm();
    const isNew = range !== this.#range;
    this.#range = range;
    this.#mark();
    if (isNew) this.#ports.onChange(range);
  }

  #mark() {
    const { id, label, span } = this.range;
    for (const button of [...this.#buttons, this.#custom]) {
      button.setAttribute("aria-pressed", String(button.dataset.range === id));
    }
    setText(this.#custom, span ? label : "Custom");
    if (!span && this.#reset === document.activeElement) this.#custom.focus();
    this.#reset.hidden = !span;
    document.documentElement.dataset.range = id;
  }

  // The form

  #toggleForm() {
    if (!this.#form.hidden) return this.#closeForm();
    const { from, to } = this.#ports.shown();
    this.#from.value = inputTime(from);
    this.#to.value = inputTime(to);
    this.#fail("");
    this.#form.hidden = false;
    this.#custom.setAttribute("aria-expanded", "true");
    this.#from.focus();
  }

  #closeForm() {
    this.#form.hidden = true;
    this.#custom.setAttribute("aria-expanded", "false");
  }

  #submit() {
    const span = spanOfInputs(this.#from.value, this.#to.value);
    if (typeof span === "string") return this.#fail(span);
    this.fix(span);
    this.#custom.focus();
  }

  /** @param {string} problem */
  #fail(problem) {
    setText(this.#error, problem);
    this.#error.hidden = problem === "";
  }

  /**
   * Moves the focus with the arrow keys.
   * @param {KeyboardEvent} event
   */
  #move(event) {
    const by = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
    if (by === 0) return;
    event.preventDefault();
    const buttons = [...this.#buttons, this.#custom, ...(this.#reset.hidden ? [] : [this.#reset])];
    const index = buttons.findIndex((button) => button === document.activeElement) + by;
    buttons[Math.max(0, Math.min(buttons.length - 1, index))].focus();
  }
}

/**
 * Returns the range of the URL: a fixed one, else {@link presetRange}.
 * @returns {Range}
 */
export function currentRange() {
  return rangeOfAddress(new URLSearchParams(location.search)) ?? presetRange();
}

/**
 * Returns the range that ends now: that of the URL, else the last choice in this tab, else the shortest.
 * @returns {Range}
 */
function presetRange() {
  const id = new URLSearchParams(location.search).get("range") ?? tabStorage.getItem(key);
  return ranges.find((range) => range.id === id) ?? ranges[0];
}

/**
 * Keeps a choice in the URL and, unless it is fixed, in this tab.
 * @param {Range} range
 */
export function keepRange({ id, span }) {
  const address = new URL(location.href);
  if (span) {
    address.searchParams.set("from", addressTime(span.from));
    address.searchParams.set("to", addressTime(span.to));
  } else {
    tabStorage.setItem(key, id);
    address.searchParams.set("range", id);
    address.searchParams.delete("from");
    address.searchParams.delete("to");
  }
  history.replaceState(history.state, "", address);
}
