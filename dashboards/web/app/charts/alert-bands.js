import { describeAlert, severityLabel, severityMark } from "../alerts/alert-words.js";
import { element, setData, setText } from "../shared/dom.js";

/** @typedef {import("../alerts/alert-book.js").Alert} Alert */
/** @typedef {{band: HTMLElement, flag: HTMLElement, mark: HTMLElement, label: HTMLElement}} Mark */
/**
 * The plot area in pixels.
 * @typedef {{left: number, right: number, top: number, bottom: number}} Plot
 */

/**
 * The alerts of a chart as hatched bands behind its lines. Each band has an edge where the alert began, and a flag on
 * top. The flag names the alert when it is hovered or focused; a click opens it in the list.
 */
export class AlertBands {
  #below = element("div", { className: "alert-bands", attributes: { "aria-hidden": "true" } });
  #above = element("div", { className: "alert-flags" });
  #onOpen;
  /**
   * By alert id.
   * @type {Map<string, Mark>}
   */
  #shown = new Map();

  /** @param {HTMLElement} plot @param {{onOpen: (id: string) => void}} listeners */
  constructor(plot, { onOpen }) {
    plot.prepend(this.#below);
    plot.append(this.#above);
    this.#onOpen = onOpen;
  }

  /**
   * @param {Alert[]} alerts by time
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
      const left = chart.left(alert.firedMs ?? alert.pendingMs);
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

  /**
   * @param {string} id
   * @returns {Mark}
   */
  #make(id) {
    const mark = element("span", { className: "alert-flag-mark", attributes: { "aria-hidden": "true" } });
    const label = element("span", { className: "alert-flag-label", attributes: { "aria-hidden": "true" } });
    const known = {
      mark, label,
      band: element("div", { className: "alert-band", dataset: { alertId: id } }),
      flag: element("button", {
        type: "button", className: "alert-flag", dataset: { alertId: id },
        /** @param {MouseEvent} event */
        onclick: (event) => {
          // The plot must not treat it as a click on a point.
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

  /**
   * Places a flag; its label extends to the side with more room.
   * @param {Mark} mark
   * @param {{left: number, top: number}} place
   * @param {Plot} plot
   */
  #placeFlag({ flag, label }, { left, top }, plot) {
    setStyle(flag, { left: pixels(left), top: pixels(top) });
    const room = { right: plot.right - left, left: left + flagPixels - plot.left };
    const side = room.left > room.right ? "left" : "right";
    setData(flag, "side", side);
    setData(flag, "hang", top + flagPixels / 2 > (plot.top + plot.bottom) / 2 ? "up" : null);
    setStyle(label, { "max-width": `min(18rem, ${pixels(room[side])})` });
  }
}

/** @param {number} value */
function pixels(value) {
  return `${Math.round(value)}px`;
}

/**
 * Sets the styles that differ, because an equal one costs a layout as well.
 * @param {HTMLElement} node
 * @param {Record<string, string>} values
 */
function setStyle({ style }, values) {
  for (const [name, value] of Object.entries(values)) {
    if (style.getPropertyValue(name) !== value) style.setProperty(name, value);
  }
}

/** Width and height of a flag: enough to hit with a finger (WCAG 2.5.8). */
export const flagPixels = 24;

/** The places of flags, each below the flags of alerts that began shortly before, so that none covers another. */
export class FlagLanes {
  #plot;
  /**
   * Right end of the last flag of each lane.
   * @type {number[]}
   */
  #ends;

  /** @param {Plot} plot */
  constructor(plot) {
    this.#plot = plot;
    this.#ends = Array(Math.max(1, Math.floor((plot.bottom - plot.top) / flagPixels))).fill(-Infinity);
  }

  /**
   * Returns the place of the next flag in order of time. Without a free lane it covers another flag.
   * @param {number} left start of its alert
   * @returns {{left: number, top: number}}
   */
  place(left) {
    const own = Math.max(this.#plot.left, Math.min(left, this.#plot.right - flagPixels));
    const lane = Math.max(0, this.#ends.findIndex((end) => end <= own));
    this.#ends[lane] = own + flagPixels;
    return { left: own, top: this.#plot.top + lane * flagPixels };
  }
}
