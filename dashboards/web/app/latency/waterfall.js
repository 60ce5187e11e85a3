import { element } from "../shared/dom.js";
import { formatMilliseconds } from "../shared/format.js";

/** Gaps shorter than this share of the trace, or than a tenth of a millisecond, are not shown. */
const leastGapShare = 0.01;
const leastGapMs = 0.1;
/** Tolerance of comparisons: times are exact to a microsecond. */
const toleranceMs = 0.002;
/**
 * Colours of the services, in the order of a reading's way.
 * @type {Record<string, number>}
 */
const serviceColors = { "windsock-device": 2, "windsock-gateway": 1, "windsock-browser": 3 };
const otherColors = [4, 5, 6, 7, 8];

/** @typedef {import("../shared/gateway-types.js").Span} Span */
/** @typedef {{span: Span, depth: number, parent: Span | null}} Arranged */
/** @typedef {{from: number, to: number, before: Span, after: Span}} Gap */
/** @typedef {{start: number, length: number}} Scale */
/** @typedef {{flag: "negative" | "estimated" | "failed", text: string}} Remark */

/**
 * A trace as bars over time, with one row for each span and children below their parents. It shows the gaps that no
 * span covers, and marks times that cannot be trusted.
 */
export class Waterfall {
  #legend = element("ul", { className: "waterfall-legend" });
  #rows = element("ol", { className: "waterfall-rows", attributes: { "aria-label": "Spans in order" } });

  constructor() {
    this.root = element("div", { className: "waterfall", dataset: { testid: "waterfall" } }, this.#legend, this.#rows);
  }

  /** @param {Span[]} known the spans of a trace */
  show(known) {
    const spans = withDevice(known);
    const start = Math.min(...spans.map(earliest));
    const end = Math.max(...spans.map(latest));
    const scale = { start, length: Math.max(end - start, 0.001) };
    const colors = serviceColorsOf(spans);
    const ordered = arrange(spans);
    const gaps = findGaps(spans, scale.length);
    const rows = ordered.flatMap((item) => {
      const row = this.#row(item, scale, colors);
      const gap = gaps.get(item.span);
      return gap ? [this.#gapRow(gap, scale), row] : [row];
    });
    this.root.dataset.spans = String(spans.length);
    /**
     * @param {Record<string, unknown>} dataset
     * @param {string} text
     */
    const entry = (dataset, text) =>
      element("li", {}, element("span", { className: "waterfall-swatch", dataset }), text);
    const entries = [...colors].map(([service, color]) => entry({ color }, shortName(service)));
    if (spans.some(isEstimated)) entries.push(entry({ estimated: "true" }, "clock estimated"));
    this.#legend.replaceChildren(...entries);
    this.#rows.replaceChildren(...rows);
  }

  /**
   * @param {Arranged} item
   * @param {Scale} scale
   * @param {Map<string, number>} colors
   */
  #row({ span, depth, parent }, scale, colors) {
    const { name, service, start_ms: start, duration_ms: duration } = span;
    const attributes = this.#attributes(span);
    /** @type {HTMLButtonElement} */
    const button = element("button", {
      type: "button", className: "waterfall-name", textContent: name, title: name,
      attributes: { "aria-expanded": "false" },
      onclick: () => button.setAttribute("aria-expanded", String(!(attributes.hidden = !attributes.hidden))),
    });
    const remarks = remarksOn(span, parent);
    const row = element(
      "li",
      {
        className: "waterfall-row",
        dataset: { span: name, service, color: colors.get(service), ...flags(remarks) },
      },
      element("div", { className: "waterfall-label" }, button,
        element("span", { className: "waterfall-service" }, shortName(service))),
      element("div", { className: "waterfall-track", attributes: { "aria-hidden": "true" } },
        element("span", { className: "waterfall-bar" })),
      element("div", { className: "waterfall-figure" }, formatMilliseconds(duration),
        element("span", { className: "waterfall-at" }, `at ${formatMilliseconds(start - scale.start)}`)),
      ...remarks.map(({ text }) => element("p", { className: "waterfall-remark" }, text)),
      attributes,
    );
    place(row, earliest(span), latest(span), scale);
    row.style.setProperty("--depth", String(Math.min(depth, 8)));
    return row;
  }

  /**
   * @param {Gap} gap
   * @param {Scale} scale
   */
  #gapRow({ from, to, before, after }, scale) {
    const where = before.service === after.service
      ? `waiting in the ${shortName(before.service)}`
      : `on the way from ${shortName(before.service)} to ${shortName(after.service)}`;
    const row = element(
      "li", { className: "waterfall-row waterfall-gap" },
      element("div", { className: "waterfall-label" }, where),
      element("div", { className: "waterfall-track", attributes: { "aria-hidden": "true" } },
        element("span", { className: "waterfall-bar" })),
      element("div", { className: "waterfall-figure" }, formatMilliseconds(to - from)));
    place(row, from, to, scale);
    return row;
  }

  /** @param {Span} span */
  #attributes({ kind, span_id: id, attributes = {} }) {
    const all = Object.entries({ ...(kind && { kind }), ...(id && { "span id": id }), ...attributes });
    return element("dl", { className: "waterfall-attributes", hidden: true },
      ...all.flatMap(([key, value]) => [element("dt", {}, key), element("dd", {}, String(value))]));
  }
}

/** @param {Span} span */
const earliest = ({ start_ms: start, duration_ms: duration }) => Math.min(start, start + duration);
/** @param {Span} span */
const latest = ({ start_ms: start, duration_ms: duration }) => Math.max(start, start + duration);
/**
 * Whether the times of a span are estimates. The gateway's own spans never are, because all times are by its clock.
 * @param {Span} span
 */
const isEstimated = ({ service, attributes }) =>
  attributes?.["clock.estimated"] === true && service !== "windsock-gateway";

/**
 * Shortens the name of a service: `windsock-gateway` → `gateway`.
 * @param {string} service
 */
export function shortName(service) {
  return service.replace(/^windsock-/, "");
}

/**
 * Sorts services in the order of a reading's way, then by name.
 * @param {Iterable<string>} services
 */
export function inOrder(services) {
  const order = Object.keys(serviceColors);
  /** @param {string} service */
  const place = (service) => (order.includes(service) ? order.indexOf(service) : order.length);
  return [...new Set(services)].sort((a, b) => place(a) - place(b) || a.localeCompare(b));
}

/** @param {Span[]} spans */
function serviceColorsOf(spans) {
  let others = 0;
  return new Map(inOrder(spans.map(({ service }) => service)).map((service) =>
    [service, serviceColors[service] ?? otherColors[others++ % otherColors.length]]));
}

/**
 * Adds a device's span when there is none, as most devices make none. The gateway's span has the estimated delay.
 * @param {Span[]} spans
 * @returns {Span[]}
 */
function withDevice(spans) {
  if (spans.some(({ service }) => service === "windsock-device")) return spans;
  const first = spans.find(({ attributes }) => Number.isFinite(attributes?.["windsock.device.delay_ms"]));
  if (!first) return spans;
  const delay = Number(first.attributes?.["windsock.device.delay_ms"]);
  const device = {
    span_id: first.parent_span_id, parent_span_id: null, name: "on its way from the device", service: "windsock-device",
    start_ms: first.start_ms - delay, duration_ms: delay,
    attributes: { "clock.estimated": first.attributes?.["windsock.device.delay_estimated"] === true },
  };
  return [device, ...spans];
}

/**
 * Orders spans depth first and by start. A span without its parent is a root.
 * @param {Span[]} spans
 * @returns {Arranged[]}
 */
function arrange(spans) {
  /** @type {Map<string | null, Span>} */
  const known = new Map();
  for (const span of spans) if (span.span_id) known.set(span.span_id, span);
  /** @type {Map<string | null, Span[]>} */
  const children = new Map();
  for (const span of spans) {
    const parent = known.get(span.parent_span_id);
    const key = parent && parent !== span ? parent.span_id : null;
    const siblings = children.get(key);
    if (siblings) siblings.push(span);
    else children.set(key, [span]);
  }
  /** @type {Arranged[]} */
  const ordered = [];
  /** @type {Set<Span>} */
  const seen = new Set();
  /** @type {(key: string | null, depth: number) => void} */
  const visit = (key, depth) => {
    for (const span of (children.get(key) ?? []).sort((a, b) => a.start_ms - b.start_ms)) {
      if (seen.has(span)) continue;
      seen.add(span);
      ordered.push({ span, depth, parent: known.get(key) ?? null });
      if (span.span_id) visit(span.span_id, depth + 1);
    }
  };
  visit(null, 0);
  // Spans that are each other's parents are invalid, but shown as roots.
  for (const span of spans) if (!seen.has(span)) ordered.push({ span, depth: 0, parent: null });
  return ordered;
}

/**
 * Finds the gaps that no span covers, by the span that ends each gap.
 * @param {Span[]} spans
 * @param {number} length
 * @returns {Map<Span, Gap>}
 */
function findGaps(spans, length) {
  /** @type {Map<Span, Gap>} */
  const gaps = new Map();
  const ordered = [...spans].sort((a, b) => earliest(a) - earliest(b));
  let last = ordered[0];
  for (const span of ordered) {
    const [from, to] = [latest(last), earliest(span)];
    const isWorthALine = to - from > Math.max(leastGapMs, length * leastGapShare);
    if (isWorthALine) gaps.set(span, { from, to, before: last, after: span });
    if (latest(span) > latest(last)) last = span;
  }
  return gaps;
}

/**
 * @param {Span} span
 * @param {Span | null} parent
 * @returns {Remark[]}
 */
function remarksOn(span, parent) {
  /** @type {Remark[]} */
  const remarks = [];
  const { start_ms: start, duration_ms: duration, attributes = {}, error } = span;
  const early = parent ? parent.start_ms - start : 0;
  if (duration < -toleranceMs) {
    remarks.push({ flag: "negative", text: "Negative: it ended before it began, so the clocks disagree." });
  } else if (early > toleranceMs) {
    const uncertainty = Number(attributes["clock.uncertainty_ms"]);
    const reason = early <= uncertainty
      ? `which is within the clock's uncertainty of ±${formatMilliseconds(uncertainty)}` : "so the clocks disagree";
    remarks.push({
      flag: "negative", text: `Begins ${formatMilliseconds(early)} before what caused it, ${reason}.`,
    });
  } else if (attributes["clock.skewed"] === true) {
    remarks.push({ flag: "negative", text: "The gateway found this hop negative: the clocks disagree." });
  }
  if (isEstimated(span)) remarks.push({ flag: "estimated", text: "The clock is estimated: these times are a guess." });
  if (error) remarks.push({ flag: "failed", text: `Failed: ${error}` });
  return remarks;
}

/** @param {Remark[]} remarks */
function flags(remarks) {
  return Object.fromEntries(remarks.map(({ flag }) => [flag, "true"]));
}

/**
 * @param {HTMLElement} row
 * @param {number} from
 * @param {number} to
 * @param {Scale} scale
 */
function place(row, from, to, { start, length }) {
  row.style.setProperty("--from", String((from - start) / length));
  row.style.setProperty("--share", String(Math.max(0, to - from) / length));
}
