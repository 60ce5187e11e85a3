import { element, setData, setText } from "../shared/dom.js";

/** @typedef {import("../series/series-store.js").Series} Series */
/** @typedef {{series: Series, label: string, isHidden: boolean}} LegendEntry */

/** The names and values of a chart's series. Each entry is a button that hides its line. */
export class Legend {
  #onToggle;
  #onEmphasise;
  /** @type {{button: HTMLButtonElement, value: HTMLSpanElement}[]} */
  #entries = [];
  #summary = element("span", { className: "legend-summary" });
  #time = element("span", { className: "legend-time" });

  /**
   * @param {{onToggle: (series: Series) => boolean, onEmphasise: (series: Series | null) => void}} handlers `onToggle`
   *   returns whether the line is hidden
   */
  constructor({ onToggle, onEmphasise }) {
    this.#onToggle = onToggle;
    this.#onEmphasise = onEmphasise;
    this.root = element("div", { className: "legend" });
  }

  /**
   * @param {LegendEntry[]} entries
   * @param {boolean} isBundle too many series to name: one line of summary instead
   */
  show(entries, isBundle) {
    this.#entries = isBundle ? [] : entries.map((entry, index) => this.#button(entry, index));
    this.root.replaceChildren(
      ...(isBundle ? [this.#summary] : this.#entries.map(({ button }) => button)), this.#time);
  }

  /**
   * @param {number} index
   * @param {string} text
   * @param {boolean} isStale
   */
  update(index, text, isStale) {
    const entry = this.#entries[index];
    if (!entry) return;
    setText(entry.value, text);
    setData(entry.button, "stale", isStale ? "true" : null);
  }

  /**
   * @param {string} text
   * @param {string} time
   */
  summarise(text, time) {
    setText(this.#summary, text);
    setText(this.#time, time);
  }

  /**
   * Returns the text of an entry: label and value.
   * @param {number} index
   */
  text(index) {
    const { button, value } = this.#entries[index];
    return `${button.querySelector(".legend-label")?.textContent}  ${value.textContent}`;
  }

  /** The line that stands for too many series. */
  get summary() {
    return this.#summary.textContent ?? "";
  }

  /**
   * Shows the time of the values while the pointer is on the chart.
   * @param {string} time
   */
  setTime(time) {
    setText(this.#time, time);
  }

  /**
   * @param {LegendEntry} entry
   * @param {number} index
   */
  #button({ series, label, isHidden }, index) {
    const value = element("span", { className: "legend-value" });
    /** @type {HTMLButtonElement} */
    const button = element(
      "button",
      {
        type: "button", className: "legend-entry", title: "Show or hide",
        attributes: { "aria-pressed": !isHidden },
        onclick: () => button.setAttribute("aria-pressed", String(!this.#onToggle(series))),
        onpointerenter: () => this.#onEmphasise(series),
        onpointerleave: () => this.#onEmphasise(null),
      },
      element("span", { className: "legend-swatch", dataset: { color: (index % 8) + 1 } }),
      element("span", { className: "legend-label", textContent: label }),
      value,
    );
    return { button, value };
  }
}
