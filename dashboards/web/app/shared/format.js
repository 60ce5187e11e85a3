/** @type {Map<number, Intl.NumberFormat>} */
const formats = new Map();

/**
 * Formats a value with a fixed number of digits, so that it does not shift as it changes.
 * @param {number} value
 * @param {number} decimals default: 1, from 1000 up 0
 */
export function formatNumber(value, decimals = Math.abs(value) >= 1000 ? 0 : 1) {
  if (!Number.isFinite(value)) return "–";
  let format = formats.get(decimals);
  if (!format) {
    format = new Intl.NumberFormat("en", {
      minimumFractionDigits: decimals, maximumFractionDigits: decimals,
      // TypeScript 4.8 does not know "min2".
      useGrouping: /** @type {any} */ ("min2"),
    });
    formats.set(decimals, format);
  }
  const text = format.format(value).replace("-", "−").replaceAll(",", "\u202f");
  return /^−[0.]*$/.test(text) ? text.slice(1) : text;
}

/**
 * Returns a unit with the space before it: none before `°` and `%`, a narrow space otherwise.
 * @param {string | undefined} unit
 */
export function unitSuffix(unit) {
  return unit ? `${/^[°%]/.test(unit) ? "" : "\u202f"}${unit}` : "";
}

/**
 * Formats a duration with three digits: `0.42 ms`, `3.4 ms`, `128 ms`, `2.31 s`.
 * @param {number} milliseconds
 */
export function formatMilliseconds(milliseconds) {
  if (!Number.isFinite(milliseconds)) return "–";
  const size = Math.abs(milliseconds);
  if (size >= 10_000) return `${formatNumber(milliseconds / 1000, size >= 100_000 ? 0 : 1)}\u202fs`;
  if (size >= 999.5) return `${formatNumber(milliseconds / 1000, 2)}\u202fs`;
  return `${formatNumber(milliseconds, size < 9.995 ? 2 : size < 99.95 ? 1 : 0)}\u202fms`;
}

/**
 * Formats a duration in its largest unit: `3 s`, `2 min`, `5 h`, `3 d`.
 * @param {number} milliseconds
 */
export function formatDuration(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/**
 * Formats an age: `just now`, `3 s ago`; `age unknown` for NaN.
 * @param {number} milliseconds
 */
export function formatAge(milliseconds) {
  if (Number.isNaN(milliseconds)) return "age unknown";
  return milliseconds < 2_000 ? "just now" : `${formatDuration(milliseconds)} ago`;
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const clockWithSeconds = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric" });
const clockWithDay = new Intl.DateTimeFormat("en-GB", { weekday: "short", hour: "2-digit", minute: "2-digit" });

/**
 * Formats a time of day in the local time zone.
 * @param {number} time Unix milliseconds
 * @param {number} stepMs resolution, which selects seconds, minutes or days
 */
export function formatTime(time, stepMs = 1_000) {
  if (stepMs >= 86_400_000) return day.format(time);
  const format = stepMs < 60_000 ? clockWithSeconds : stepMs < 21_600_000 ? clock : clockWithDay;
  return format.format(time);
}

/**
 * Formats a time within a window, with its day when the window spans several.
 * @param {number} time Unix milliseconds
 * @param {number} windowMs
 */
export function formatMoment(time, windowMs) {
  return formatTime(time, windowMs <= 3_600_000 ? 1_000 : windowMs < 43_200_000 ? 60_000 : 21_600_000);
}

const spanFormats = ["2-digit", undefined].map((second) => new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: /** @type {any} */ (second),
}));

/**
 * Formats a span in the local time zone, with seconds when it is short: `1 Dec, 10:00 – 10:20`.
 * @param {number} from Unix milliseconds
 * @param {number} to Unix milliseconds
 */
export function formatSpan(from, to) {
  return spanFormats[to - from < 600_000 ? 0 : 1].formatRange(from, to);
}
