import { element } from "../shared/dom.js";
import { formatDuration, formatMoment, formatNumber, unitSuffix } from "../shared/format.js";
import { metricLabel } from "../shared/names.js";

/** @typedef {import("./alert-book.js").Alert} Alert */
/** @typedef {import("../../windsock-client.js").Alert} RawAlert */

/**
 * Label and shape of each severity, so that colour is not the only sign.
 * @type {Record<string, {label: string, mark: string}>}
 */
const severities = {
  info: { label: "Info", mark: "●" },
  warning: { label: "Warning", mark: "▲" },
  critical: { label: "Critical", mark: "◆" },
};

/**
 * Returns the rank of a severity; higher is worse.
 * @param {string} severity
 */
export function severityRank(severity) {
  return Object.keys(severities).indexOf(severity);
}

/** @param {string} severity */
export function severityLabel(severity) {
  return severities[severity]?.label ?? severity;
}

/** @param {string} severity */
export function severityMark(severity) {
  return severities[severity]?.mark ?? "●";
}

/**
 * Makes `▲ Warning` as an element whose shape is hidden from screen readers.
 * @param {string} severity
 */
export function severityChip(severity) {
  return element("span", { className: "severity", dataset: { severity } },
    element("span", { attributes: { "aria-hidden": "true" } }, severityMark(severity)), severityLabel(severity));
}

/**
 * Describes an alert: `Critical alert, firing since 12:04: Too hot in greenhouse-1`.
 * @param {Alert} alert
 */
export function describeAlert({ severity, state, message, firedMs, resolvedMs }) {
  const when = state === "resolved"
    ? `${moment(firedMs)} to ${moment(resolvedMs)}`
    : state === "firing" ? `firing since ${moment(firedMs)}` : "pending";
  return `${severityLabel(severity)} alert, ${when}: ${message}`;
}

/**
 * Describes the times of an alert: `for 3 min, since 12:04:09`, `after 3 min, 12:07:10`.
 * @param {Alert} alert
 * @param {number} now the gateway's time
 */
export function alertTimes({ state, firedMs, pendingMs, resolvedMs }, now) {
  if (state === "pending") return `for ${formatDuration(now - pendingMs)}`;
  if (state === "resolved") {
    return `after ${formatDuration((resolvedMs ?? NaN) - (firedMs ?? pendingMs))}, ${moment(resolvedMs)}`;
  }
  return `for ${formatDuration(now - (firedMs ?? NaN))}, since ${moment(firedMs)}`;
}

/**
 * Describes value and condition of an alert: `Temperature 34.2°C · above 30 for 10s`.
 * @param {RawAlert} alert
 */
export function alertFigures({ metric, value, unit, condition }) {
  const figure = typeof value === "number" ? ` ${formatNumber(value)}${unitSuffix(unit)}` : "";
  return [metric ? `${metricLabel(metric)}${figure}` : "", condition].filter(Boolean).join(" · ");
}

/**
 * Describes the event of an `alert` message: `Firing`, `Acknowledged by ann`, …
 * @param {RawAlert} alert
 */
export function describeEvent(alert) {
  const { state, acknowledged_at: acknowledgedAt, acknowledged_by: by, silenced_until: silenced } = alert;
  if (state === "resolved") return "Resolved";
  if (silenced && Date.parse(silenced) > Date.now()) return `Silenced until ${moment(Date.parse(silenced))}`;
  if (acknowledgedAt) return by ? `Acknowledged by ${by}` : "Acknowledged";
  return state === "firing" ? "Firing" : "Pending";
}

/**
 * Formats a time: today's without a day, this week's with the weekday.
 * @param {number | undefined} time Unix milliseconds
 */
export function moment(time = NaN) {
  const date = new Date(time);
  if (date.toDateString() === new Date().toDateString()) return formatMoment(time, 0);
  return Date.now() - time < 6 * 86_400_000 ? formatMoment(time, Infinity) : date.toLocaleString();
}
