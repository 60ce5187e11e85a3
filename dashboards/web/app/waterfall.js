import { element } from "./dom.js";
import { formatMilliseconds } from "./format.js";

/** Shorter than this part of the whole, or than a tenth of a millisecond, a gap is not worth a line. */
const leastGapShare = 0.01;
const leastGapMs = 0.1;
/** What differs by less is equal: times are exact to a microsecond. */
const toleranceMs = 0.002;
/** In the order of a reading's way. */
const serviceColors = { "windsock-device": 2, "windsock-gateway": 1, "windsock-browser": 3 };
const otherColors = [4, 5, 6, 7, 8];

/**
 * A span as `/api/latency/traces/{trace_id}` gives it.
 * @typedef {object} Span
 * @property {string} span_id
 * @property {string | null} parent_span_id
 * @property {string} name
 * @property {string} service
 * @property {string} [kind]
 * @property {number} start_ms Unix milliseconds by the gateway's clock
 * @property {number} duration_ms
 * @property {Record<string, string | number | boolean>} [attributes] `clock.estimated`: its times are a guess;
 *   `clock.skewed`: the hop to it was negative
 * @property {string | null} [error]
 */

/**
 * A trace as bars over time, one row a span, what was caused below its cause; with the gaps that no span covers, and
 * with a word wherever the times cannot be trusted.
 */
export class Waterfall {
  #legend = element("ul", { className: "waterfall-legend" });
  #rows = element("ol", { className: "waterfall-rows", attributes: { "aria-label": "Spans in order" } });

  constructor() {
    this.root = element("div", { className: "waterfall", dataset: { testid: "waterfall" } }, this.#legend, this.#rows);
  }

  /** @param {Span[]} known spans of one trace */
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
    this.root.dataset.spans = spans.length;
    const entry = (dataset, text) =>
      element("li", {}, element("span", { className: "waterfall-swatch", dataset }), text);
    const entries = [...colors].map(([service, color]) => entry({ color }, shortName(service)));
    if (spans.some(isEstimated)) entries.push(entry({ estimated: "true" }, "clock estimated"));
    this.#legend.replaceChildren(...entries);
    this.#rows.replaceChildren(...rows);
  }

  #row({ span, depth, parent }, scale, colors) {
    const { name, service, start_ms: start, duration_ms: duration } = span;
    const attributes = this.#attributes(span);
    const button = element("button", {
      type: "button", className: "waterfall-name", textContent: name, title: name,
      attributes: { "aria-expanded": "false" },
      onclick: () => button.setAttribute("aria-expanded", !(attributes.hidden = !attributes.hidden)),
    });
    const remarks = remarksOn(span, parent);
    const row = element(
      "li",
      {
        className: "waterfall-row",
        dataset: { span: name, service, color: colors.get(service), ...flags(span, remarks) },
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
    row.style.setProperty("--depth", Math.min(depth, 8));
    return row;
  }

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

  #attributes({ kind, span_id: id, attributes = {} }) {
    const all = Object.entries({ ...(kind && { kind }), ...(id && { "span id": id }), ...attributes });
    return element("dl", { className: "waterfall-attributes", hidden: true },
      ...all.flatMap(([key, value]) => [element("dt", {}, key), element("dd", {}, String(value))]));
  }
}

const earliest = ({ start_ms: start, duration_ms: duration }) => Math.min(start, start + duration);
const latest = ({ start_ms: start, duration_ms: duration }) => Math.max(start, start + duration);
/** All is in gateway time: what the gateway says of itself is never a guess, only what it says of devices. */
const isEstimated = ({ service, attributes }) =>
  attributes?.["clock.estimated"] === true && service !== "windsock-gateway";

/** `windsock-gateway` → `gateway` */
export function shortName(service) {
  return service.replace(/^windsock-/, "");
}

/** The services of a reading's way in its order, then others by name. @param {Iterable<string>} services */
export function inOrder(services) {
  const order = Object.keys(serviceColors);
  const place = (service) => (order.includes(service) ? order.indexOf(service) : order.length);
  return [...new Set(services)].sort((a, b) => place(a) - place(b) || a.localeCompare(b));
}

function serviceColorsOf(spans) {
  let others = 0;
  return new Map(inOrder(spans.map(({ service }) => service)).map((service) =>
    [service, serviceColors[service] ?? otherColors[others++ % otherColors.length]]));
}

/** Most devices make no spans; how long their reading was on its way the gateway infers, and says with its own span. */
function withDevice(spans) {
  if (spans.some(({ service }) => service === "windsock-device")) return spans;
  const first = spans.find(({ attributes }) => Number.isFinite(attributes?.["windsock.device.delay_ms"]));
  if (!first) return spans;
  const delay = first.attributes["windsock.device.delay_ms"];
  const device = {
    span_id: first.parent_span_id, parent_span_id: null, name: "on its way from the device", service: "windsock-device",
    start_ms: first.start_ms - delay, duration_ms: delay,
    attributes: { "clock.estimated": first.attributes["windsock.device.delay_estimated"] === true },
  };
  return [device, ...spans];
}

/** Depth first, by start; a span whose parent is not there stands at the edge. */
function arrange(spans) {
  const known = new Map(spans.filter(({ span_id: id }) => id).map((span) => [span.span_id, span]));
  const children = new Map();
  for (const span of spans) {
    const parent = known.get(span.parent_span_id);
    const key = parent && parent !== span ? parent.span_id : null;
    if (!children.has(key)) children.set(key, []);
    children.get(key).push(span);
  }
  const ordered = [];
  const seen = new Set();
  const visit = (key, depth) => {
    for (const span of (children.get(key) ?? []).sort((a, b) => a.start_ms - b.start_ms)) {
      if (seen.has(span)) continue;
      seen.add(span);
      ordered.push({ span, depth, parent: known.get(key) ?? null });
      if (span.span_id) visit(span.span_id, depth + 1);
    }
  };
  visit(null, 0);
  // Parents that are each other's children are a mistake of somebody's; they are shown all the same.
  for (const span of spans) if (!seen.has(span)) ordered.push({ span, depth: 0, parent: null });
  return ordered;
}

/** What no span covers, by the span that ends it. */
function findGaps(spans, length) {
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

function remarksOn(span, parent) {
  const remarks = [];
  const { start_ms: start, duration_ms: duration, attributes = {}, error } = span;
  const early = parent ? parent.start_ms - start : 0;
  if (duration < -toleranceMs) {
    remarks.push({ flag: "negative", text: "Negative: it ended before it began, so the clocks disagree." });
  } else if (early > toleranceMs) {
    const uncertainty = attributes["clock.uncertainty_ms"];
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

function flags(span, remarks) {
  return Object.fromEntries(remarks.map(({ flag }) => [flag, "true"]));
}

function place(row, from, to, { start, length }) {
  row.style.setProperty("--from", (from - start) / length);
  row.style.setProperty("--share", Math.max(0, to - from) / length);
}
