import { describeAlert, severityLabel, severityMark } from "../alert-words.js";
import { element, setData, setText } from "../dom.js";

/** A flag needs so much room to be hit with a finger or seen at all. */
const leastFlagPixels = 18;

/**
 * The times at which alerts fired, as bands behind the lines of a chart: hatched, with an edge where they begin, and a
 * flag on top that says which alert it is when it is pointed at or focused. A click opens it in the list.
 */
export class AlertBands {
  #below = element("div", { className: "alert-bands", attributes: { "aria-hidden": "true" } });
  #above = element("div", { className: "alert-flags" });
  #onOpen;
  /** By alert. @type {Map<string, {band: HTMLElement, flag: HTMLElement, label: HTMLElement}>} */
  #shown = new Map();

  /** @param {HTMLElement} plot @param {{onOpen: (id: string) => void}} listeners */
  constructor(plot, { onOpen }) {
    plot.prepend(this.#below);
    plot.append(this.#above);
    this.#onOpen = onOpen;
  }

  /**
   * @param {import("../alert-store.js").Alert[]} alerts by time
   * @param {{to: number}} view
   * @param {import("./line-chart.js").LineChart} chart
   */
  show(alerts, { to }, chart) {
    const wanted = new Set(alerts.map(({ alert_id: id }) => id));
    for (const [id, { band, flag }] of this.#shown) {
      if (wanted.has(id)) continue;
      band.remove();
      flag.remove();
      this.#shown.delete(id);
    }
    if (alerts.length === 0) return;
    const { top, bottom } = chart.height;
    for (const alert of alerts) {
      const known = this.#shown.get(alert.alert_id) ?? this.#make(alert.alert_id);
      const left = chart.left(alert.firedMs);
      const right = chart.left(alert.resolvedMs ?? to);
      this.#place(known, { left, width: Math.max(2, right - left), top, height: bottom - top, end: chart.left(to) });
      for (const node of [known.band, known.flag]) {
        setData(node, "severity", alert.severity);
        setData(node, "state", alert.state);
      }
      const text = describeAlert(alert);
      if (known.flag.getAttribute("aria-label") !== text) known.flag.setAttribute("aria-label", text);
      setText(known.mark, severityMark(alert.severity));
      setText(known.label, `${severityLabel(alert.severity)}: ${alert.message}`);
      // A label that would leave the plot on the right hangs to the left.
      setData(known.flag, "side", left > chart.middle ? "left" : null);
    }
  }

  #make(id) {
    const mark = element("span", { className: "alert-flag-mark", attributes: { "aria-hidden": "true" } });
    const label = element("span", { className: "alert-flag-label", attributes: { "aria-hidden": "true" } });
    const known = {
      mark, label,
      band: element("div", { className: "alert-band", dataset: { alertId: id } }),
      flag: element("button", {
        type: "button", className: "alert-flag", dataset: { alertId: id },
        onclick: (event) => {
          // The plot would take it for a click on a point.
          event.stopPropagation();
          this.#onOpen(id);
        },
      }, mark, label),
    };
    this.#below.append(known.band);
    this.#above.append(known.flag);
    this.#shown.set(id, known);
    return known;
  }

  #place({ band, flag }, { left, width, top, height, end }) {
    const pixels = (value) => `${Math.round(value)}px`;
    const flagLeft = Math.min(left, end - leastFlagPixels);
    setStyle(band, { left: pixels(left), width: pixels(width), top: pixels(top), height: pixels(height) });
    setStyle(flag, { left: pixels(flagLeft), width: pixels(Math.max(leastFlagPixels, width)), top: pixels(top) });
  }
}

/** Sets what differs: an equal style costs a layout all the same. */
function setStyle({ style }, values) {
  for (const name in values) if (style[name] !== values[name]) style[name] = values[name];
}
