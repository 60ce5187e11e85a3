import { element } from "./dom.js";
import { formatDuration, formatMoment, formatNumber, unitSuffix } from "./format.js";
import { metricLabel } from "./names.js";

/** A shape beside the colour, and a word beside the shape. */
const severities = {
  info: { label: "Info", mark: "●" },
  warning: { label: "Warning", mark: "▲" },
  critical: { label: "Critical", mark: "◆" },
};

/** How much it matters: more is worse. */
export function severityRank(severity) {
  return Object.keys(severities).indexOf(severity);
}

export function severityLabel(severity) {
  return severities[severity]?.label ?? severity;
}

export function severityMark(severity) {
  return severities[severity]?.mark ?? "●";
}

/** `▲ Warning`, as an element whose shape is not read out. */
export function severityChip(severity) {
  return element("span", { className: "severity", dataset: { severity } },
    element("span", { attributes: { "aria-hidden": "true" } }, severityMark(severity)), severityLabel(severity));
}

/** `Critical alert, firing since 12:04: Too hot in greenhouse-1` */
export function describeAlert({ severity, state, message, firedMs, resolvedMs }) {
  const when = state === "resolved"
    ? `${moment(firedMs)} to ${moment(resolvedMs)}`
    : state === "firing" ? `firing since ${moment(firedMs)}` : "pending";
  return `${severityLabel(severity)} alert, ${when}: ${message}`;
}

/** `for 3 min, since 12:04:09`, `for 3 min, until 12:07:10` */
export function alertTimes({ state, firedMs, pendingMs, resolvedMs }, now) {
  if (state === "pending") return `for ${formatDuration(now - pendingMs)}`;
  if (state === "resolved") return `after ${formatDuration(resolvedMs - (firedMs ?? pendingMs))}, ${moment(resolvedMs)}`;
  return `for ${formatDuration(now - firedMs)}, since ${moment(firedMs)}`;
}

/** `Temperature 34.2°C · above 30 for 10s` */
export function alertFigures({ metric, value, unit, condition }) {
  const figure = typeof value === "number" ? ` ${formatNumber(value)}${unitSuffix(unit)}` : "";
  return [metric ? `${metricLabel(metric)}${figure}` : "", condition].filter(Boolean).join(" · ");
}

/** What an `alert` message tells: `Firing`, `Acknowledged by ann`, … */
export function describeEvent({ state, acknowledged_at: acknowledgedAt, acknowledged_by: by, silenced_until: silenced }) {
  if (state === "resolved") return "Resolved";
  if (silenced && Date.parse(silenced) > Date.now()) return `Silenced until ${moment(Date.parse(silenced))}`;
  if (acknowledgedAt) return by ? `Acknowledged by ${by}` : "Acknowledged";
  return state === "firing" ? "Firing" : "Pending";
}

/** A time of today without its day, one of this week with its weekday. */
export function moment(time) {
  const date = new Date(time);
  if (date.toDateString() === new Date().toDateString()) return formatMoment(time, 0);
  return Date.now() - time < 6 * 86_400_000 ? formatMoment(time, Infinity) : date.toLocaleString();
}
