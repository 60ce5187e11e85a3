import { element, setData, setText } from "../dom.js";

/** Names and values beside a chart. Each entry is a button that hides its line. */
export class Legend {
  #onToggle;
  #onEmphasise;
  #entries = [];
  #summary = element("span", { className: "legend-summary" });
  #time = element("span", { className: "legend-time" });

  /** @param {{onToggle: (series: object) => boolean, onEmphasise: (series: object | null) => void}} handlers */
  constructor({ onToggle, onEmphasise }) {
    this.#onToggle = onToggle;
    this.#onEmphasise = onEmphasise;
    this.root = element("div", { className: "legend" });
  }

  /**
   * @param {{series: object, label: string, isHidden: boolean}[]} entries
   * @param {boolean} isBundle too many to name: one line of summary instead
   */
  show(entries, isBundle) {
    this.#entries = isBundle ? [] : entries.map((entry, index) => this.#button(entry, index));
    this.root.replaceChildren(
      ...(isBundle ? [this.#summary] : this.#entries.map(({ button }) => button)), this.#time);
  }

  update(index, text, isStale) {
    const entry = this.#entries[index];
    if (!entry) return;
    setText(entry.value, text);
    setData(entry.button, "stale", isStale ? "true" : null);
  }

  summarise(text, time) {
    setText(this.#summary, text);
    setText(this.#time, time);
  }

  /** The time that the values are of, while the pointer is on the chart. */
  setTime(time) {
    setText(this.#time, time);
  }

  #button({ series, label, isHidden }, index) {
    const value = element("span", { className: "legend-value" });
    const button = element(
      "button",
      {
        type: "button", className: "legend-entry", title: "Show or hide",
        attributes: { "aria-pressed": !isHidden },
        onclick: () => button.setAttribute("aria-pressed", !this.#onToggle(series)),
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
