import { describeAlert, severityLabel, severityMark } from "../alert-words.js";
import { element, setData, setText } from "../dom.js";
import { FlagLanes, flagPixels } from "./flag-lanes.js";

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
   * @param {import("../alert-book.js").Alert[]} alerts by time
   * @param {{from: number, to: number}} view
   * @param {import("./line-chart.js").LineChart} chart
   */
  show(alerts, { from, to }, chart) {
    const wanted = new Set(alerts.map(({ alert_id: id }) => id));
    for (const [id, { band, flag }] of this.#shown) {
      if (wanted.has(id)) continue;
      band.remove();
      flag.remove();
      this.#shown.delete(id);
    }
    if (alerts.length === 0) return;
    const { top, bottom } = chart.height;
    const plot = { left: chart.left(from), right: chart.left(to), top, bottom };
    const lanes = new FlagLanes(plot);
    for (const alert of alerts) {
      const known = this.#shown.get(alert.alert_id) ?? this.#make(alert.alert_id);
      const left = chart.left(alert.firedMs);
      const right = chart.left(alert.resolvedMs ?? to);
      setStyle(known.band, {
        left: pixels(left), width: pixels(Math.max(2, right - left)), top: pixels(top), height: pixels(bottom - top),
      });
      this.#placeFlag(known, lanes.place(left), plot);
      for (const node of [known.band, known.flag]) {
        setData(node, "severity", alert.severity);
        setData(node, "state", alert.state);
      }
      const text = describeAlert(alert);
      if (known.flag.getAttribute("aria-label") !== text) known.flag.setAttribute("aria-label", text);
      setText(known.mark, severityMark(alert.severity));
      setText(known.label, `${severityLabel(alert.severity)}: ${alert.message}`);
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

  /** The label hangs to where there is more room, and is as wide as that. */
  #placeFlag({ flag, label }, { left, top }, plot) {
    setStyle(flag, { left: pixels(left), top: pixels(top) });
    const room = { right: plot.right - left, left: left + flagPixels - plot.left };
    const side = room.left > room.right ? "left" : "right";
    setData(flag, "side", side);
    setData(flag, "hang", top + flagPixels / 2 > (plot.top + plot.bottom) / 2 ? "up" : null);
    setStyle(label, { maxWidth: `min(18rem, ${pixels(room[side])})` });
  }
}

function pixels(value) {
  return `${Math.round(value)}px`;
}

/** Sets what differs: an equal style costs a layout all the same. */
function setStyle({ style }, values) {
  for (const name in values) if (style[name] !== values[name]) style[name] = values[name];
}
