import { getParts } from "../shared/api.js";
import { element } from "../shared/dom.js";

/** Largest CSV file, which the page holds in memory. */
const maxFileBytes = 64 * 1024 * 1024;

/** @typedef {import("../shared/time-range.js").Span} Span */
/** @typedef {import("../series/series-store.js").Series} Series */

/**
 * Returns the name of a file: `temperature_20261201T100000Z_20261201T110000Z.csv`.
 * @param {string} title
 * @param {Span} span
 * @param {string} extension
 */
export function fileName(title, { from, to }, extension) {
  const words = title.normalize("NFKC").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "");
  /** @param {number} time */
  const stamp = (time) => new Date(time).toISOString().replace(/[-:]|\.\d+/g, "");
  return `${[...words].slice(0, 60).join("") || "chart"}_${stamp(from)}_${stamp(to)}.${extension}`;
}

/**
 * Returns the paths of the requests for series as CSV, one for each device.
 * @param {Pick<Series, "device" | "metric">[]} shown
 * @param {Span} span
 */
export function csvPaths(shown, { from, to }) {
  /** @type {Map<string, string[]>} */
  const metrics = new Map();
  for (const { device, metric } of shown) metrics.set(device, [...(metrics.get(device) ?? []), metric]);
  return [...metrics].map(([device, names]) => {
    const query = new URLSearchParams({ format: "csv", device });
    for (const name of names) query.append("metric", name);
    query.set("from", new Date(from).toISOString());
    query.set("to", new Date(to).toISOString());
    return `/api/readings?${query}`;
  });
}

/**
 * Requests the stored readings of series as one CSV file. Devices without readings are left out.
 * @param {Pick<Series, "device" | "metric">[]} shown
 * @param {Span} span
 * @param {string} token
 * @param {{get?: typeof getParts, maxBytes?: number}} options
 * @returns {Promise<Blob>}
 */
export async function requestCSV(shown, span, token, { get = getParts, maxBytes = maxFileBytes } = {}) {
  /** @type {Uint8Array[]} */
  const parts = [];
  let byteCount = 0;
  for (const path of csvPaths(shown, span)) {
    try {
      const answer = await get(path, token, maxBytes - byteCount);
      byteCount += answer.reduce((sum, { length }) => sum + length, 0);
      parts.push(...(parts.length > 0 ? withoutFirstLine(answer) : answer));
    } catch (error) {
      if (error.status !== 404) throw error;
    }
  }
  if (parts.length === 0) throw new Error("No readings of this chart are stored.");
  return new Blob(parts, { type: "text/csv;charset=utf-8" });
}

const lineFeed = 10;

/** @param {Uint8Array[]} parts */
function withoutFirstLine(parts) {
  const index = parts.findIndex((part) => part.includes(lineFeed));
  if (index < 0) return [];
  return [parts[index].subarray(parts[index].indexOf(lineFeed) + 1), ...parts.slice(index + 1)];
}

/**
 * Saves a file on the user's computer.
 * @param {Blob} blob
 * @param {string} name
 */
export function save(blob, name) {
  const href = URL.createObjectURL(blob);
  element("a", { href, download: name }).click();
  // The browser reads the file after the click.
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}

const padding = 16;
const rowHeight = 18;

/**
 * Draws a chart with its title and legend as a picture in the theme's colours.
 * @param {object} chart
 * @param {HTMLCanvasElement} chart.canvas
 * @param {string} chart.title
 * @param {string} chart.range
 * @param {{text: string, color: string | null}[]} chart.legend
 * @param {{left: number, right: number, top: number, bottom: number, color: string}[]} chart.bands of alerts, in CSS
 *   pixels of the canvas
 * @param {import("../shared/palette.js").Palette} palette
 * @returns {Promise<Blob>}
 */
export async function picture({ canvas, title, range, legend, bands }, palette) {
  const scale = canvas.width / canvas.clientWidth;
  const width = canvas.clientWidth + 2 * padding;
  const image = element("canvas", { width: Math.round(width * scale) });
  const context = image.getContext("2d");
  if (!context) throw new Error("The browser offers no canvas.");
  const small = `12px ${palette.font}`;
  context.font = small;
  const entries = placed(legend, width, (text) => context.measureText(text).width);
  const top = padding + 24 + (entries.length > 0 ? entries[entries.length - 1].row + 1 : 0) * rowHeight + 6;
  // A change of size clears a canvas and its state.
  image.height = Math.round((top + canvas.clientHeight + padding) * scale);
  context.scale(scale, scale);
  context.fillStyle = palette.surface;
  context.fillRect(0, 0, image.width, image.height);
  context.textBaseline = "top";
  context.fillStyle = palette.axis;
  context.font = small;
  context.textAlign = "right";
  context.fillText(range, width - padding, padding + 2);
  const rangeWidth = context.measureText(range).width;
  context.textAlign = "left";
  context.fillStyle = palette.ink;
  context.font = `600 15px ${palette.font}`;
  context.fillText(title, padding, padding, width - 2 * padding - rangeWidth - 12);
  context.font = small;
  for (const { text, color, left, row } of entries) {
    const y = padding + 24 + row * rowHeight;
    if (color) {
      context.fillStyle = color;
      context.fillRect(left, y + 5, 12, 3);
    }
    context.fillStyle = palette.ink;
    context.fillText(text, left + (color ? 18 : 0), y);
  }
  context.globalAlpha = 0.14;
  for (const band of bands) {
    context.fillStyle = band.color;
    context.fillRect(padding + band.left, top + band.top, band.right - band.left, band.bottom - band.top);
  }
  context.globalAlpha = 1;
  context.drawImage(canvas, padding, top, canvas.clientWidth, canvas.clientHeight);
  return new Promise((resolve, reject) =>
    image.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The picture is too large."))), "image/png"));
}

/**
 * Places the entries of a legend in rows.
 * @template {{text: string, color: string | null}} Entry
 * @param {Entry[]} entries
 * @param {number} width of the picture
 * @param {(text: string) => number} measure
 * @returns {(Entry & {left: number, row: number})[]}
 */
function placed(entries, width, measure) {
  let [left, row] = [padding, 0];
  return entries.map((entry) => {
    const length = measure(entry.text) + (entry.color ? 18 : 0);
    if (left > padding && left + length > width - padding) [left, row] = [padding, row + 1];
    const place = { ...entry, left, row };
    left += length + 20;
    return place;
  });
}
