import { metricLabel } from "../shared/names.js";

/** Metrics with a tile, and those with a chart as well. Others are in the table of further values. */
const most = { tiles: 48, charts: 24 };
/** Limits of a live chart's window, which spans this many usual intervals. */
const windowBounds = { leastS: 300, mostS: 86_400, intervals: 60 };

/** @typedef {import("../shared/gateway-types.js").DeviceAnswer} DeviceAnswer */
/** @typedef {import("../shared/gateway-types.js").Dashboard} Dashboard */

/**
 * Makes the dashboard of a device: tiles with its values, and a chart for each metric.
 * @param {DeviceAnswer} answer
 * @returns {Dashboard}
 */
export function deviceDashboard({ device, rooms, metrics, interval_ms: interval = 0 }) {
  const names = metrics.map(({ name }) => name);
  const { leastS, mostS, intervals } = windowBounds;
  const window = Math.min(mostS, Math.max(leastS, Math.ceil(interval * intervals / 60_000) * 60));
  const common = { devices: [device], window_s: window };
  /** @type {import("../shared/gateway-types.js").PanelDefinition[]} */
  const panels = names.slice(0, most.charts).map((name) =>
    ({ ...common, type: "chart", title: metricLabel(name), metrics: [name], span: 6 }));
  // The last of an odd number of charts fills its row.
  if (panels.length % 2 === 1) panels[panels.length - 1].span = 12;
  if (names.length > 0) {
    panels.unshift({ ...common, type: "value", title: "Now", metrics: names.slice(0, most.tiles), span: 12 });
  }
  return { id: "", title: device, rooms, panels };
}

/**
 * Returns the metrics without a chart.
 * @param {DeviceAnswer} answer
 */
export function unchartedMetrics({ metrics }) {
  return metrics.slice(most.charts);
}

/**
 * Takes the values of a device that are newer than those that are known. They may be older than the history of charts.
 * @param {import("../series/series-store.js").SeriesStore} store
 * @param {DeviceAnswer} answer
 * @param {number} now the gateway's time
 */
export function takeDeviceValues(store, { device, metrics, interval_ms: interval }, now) {
  for (const { name, value, unit, time, age_ms: age, room_id: room } of metrics) {
    if ((store.series(device, name)?.time ?? -Infinity) >= time * 1000) continue;
    store.add({
      room_id: room, device, data: { timestamp: time, [name]: value }, snapshot: true, interval_ms: interval,
      ...(unit !== undefined && { units: { [name]: unit } }), ...(age === undefined && { retained: true }),
    }, now);
  }
}
