const ranges = { "5m": 300_000, "1h": 3_600_000, "24h": 86_400_000, "7d": 604_800_000 };

/** How far back the charts look: a choice for the whole page, kept in the address (`?range=1h`). */
export class RangePicker {
  #inputs = [...document.querySelectorAll("#range input")];
  #onChange;

  /** @param {() => void} onChange */
  constructor(onChange) {
    this.#onChange = onChange;
    for (const input of this.#inputs) input.addEventListener("change", () => this.#choose(input.value));
    this.show();
  }

  /** Milliseconds; `null`: each panel's own window. */
  get rangeMs() {
    return ranges[new URLSearchParams(location.search).get("range")] ?? null;
  }

  /** Shows what the address says. */
  show() {
    const chosen = new URLSearchParams(location.search).get("range");
    for (const input of this.#inputs) input.checked = input.value === (chosen in ranges ? chosen : "");
  }

  #choose(range) {
    const parameters = new URLSearchParams(location.search);
    if (range) parameters.set("range", range);
    else parameters.delete("range");
    const query = parameters.toString();
    history.replaceState(history.state, "", query ? `${location.pathname}?${query}` : location.pathname);
    this.#onChange();
  }
}
