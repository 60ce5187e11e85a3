import { formatSpan } from "./format.js";

/** Shortest and longest range that can be chosen. */
const shortestMs = 1_000;
const longestMs = 366 * 86_400_000;

/**
 * Two times in Unix milliseconds.
 * @typedef {{from: number, to: number}} Span
 */
/**
 * A range of time.
 * @typedef {object} Range
 * @property {string} id as in the URL
 * @property {string} label
 * @property {number | null} ms null: each panel's own window, five minutes by default
 * @property {Span} [span] of a fixed range. Other ranges end now
 */
/** @type {Range[]} */
export const ranges = [
  { id: "5m", label: "5 min", ms: null },
  { id: "1h", label: "1 h", ms: 3_600_000 },
  { id: "24h", label: "24 h", ms: 86_400_000 },
  { id: "7d", label: "7 d", ms: 604_800_000 },
];

/**
 * Returns a range between two times, of allowed length and rounded to seconds; below two minutes to milliseconds.
 * @param {Span} wanted
 * @returns {Range & {span: Span, ms: number}}
 */
export function fixedRange(wanted) {
  const { from: start, to: end } = limited(wanted, Infinity);
  const unit = end - start < 120_000 ? 1 : 1_000;
  const span = { from: Math.round(start / unit) * unit, to: Math.round(end / unit) * unit };
  return { id: "fixed", label: formatSpan(span.from, span.to), ms: span.to - span.from, span };
}

/**
 * Zooms about a time, which keeps its place.
 * @param {Span} span
 * @param {number} factor less than 1 zooms in
 * @param {number} at Unix milliseconds
 * @param {number} now the end of what can be shown
 * @returns {Span}
 */
export function zoomed({ from, to }, factor, at, now) {
  const length = Math.min(longestMs, Math.max(shortestMs, (to - from) * factor));
  const place = (at - from) / (to - from);
  return limited({ from: at - place * length, to: at + (1 - place) * length }, now);
}

/**
 * Moves a span.
 * @param {Span} span
 * @param {number} byMs
 * @param {number} now the end of what can be shown
 * @returns {Span}
 */
export function panned({ from, to }, byMs, now) {
  return limited({ from: from + byMs, to: to + byMs }, now);
}

/**
 * Returns the span in which each finger stays on the time it touched first.
 * @param {[number, number]} times Unix milliseconds
 * @param {[number, number]} places as fractions of the plot's width
 * @param {number} now the end of what can be shown
 * @returns {Span | null} null while the fingers are above each other
 */
export function pinched([first, second], [left, right], now) {
  const length = (second - first) / (right - left);
  if (!(length > 0 && length < Infinity) || Math.abs(right - left) < 0.02) return null;
  const span = { from: first - left * length, to: first + (1 - left) * length };
  // Fingers zoom about the middle between them.
  return zoomed(span, 1, (first + second) / 2, now);
}

/**
 * Limits the length of a span about its middle, then moves it so that it ends at `now` or earlier.
 * @param {Span} span
 * @param {number} now
 * @returns {Span}
 */
function limited({ from, to }, now) {
  const length = Math.min(longestMs, Math.max(shortestMs, to - from));
  const end = Math.min((from + to + length) / 2, now);
  return { from: end - length, to: end };
}

/**
 * Returns the fixed range of a URL, or null.
 * @param {URLSearchParams} parameters
 */
export function rangeOfAddress(parameters) {
  const [from, to] = ["from", "to"].map((name) => Date.parse(parameters.get(name) ?? ""));
  return from < to && from >= 0 && to - from <= longestMs ? fixedRange({ from, to }) : null;
}

/**
 * Formats a time for the URL: `2026-12-01T10:00:00Z`.
 * @param {number} time Unix milliseconds
 */
export function addressTime(time) {
  return new Date(time).toISOString().replace(".000Z", "Z");
}

/**
 * Formats a time for an input of the type `datetime-local`, in the local time zone.
 * @param {number} time Unix milliseconds
 */
export function inputTime(time) {
  const shifted = new Date(time - new Date(time).getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 19);
}

/**
 * Reads the two inputs of a fixed range, in the local time zone.
 * @param {string} from
 * @param {string} to
 * @returns {Span | string} or what is wrong
 */
export function spanOfInputs(from, to) {
  const span = { from: Date.parse(from), to: Date.parse(to) };
  if (Number.isNaN(span.from) || Number.isNaN(span.to)) return "Both times are needed.";
  if (span.from >= span.to) return "The start must be before the end.";
  return span.to - span.from > longestMs ? "The range is too long; allowed: at most 366 days." : span;
}
