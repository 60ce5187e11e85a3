/** Orders `fleet-9` before `fleet-10`. */
export const collator = new Intl.Collator("en", { numeric: true });

/**
 * Spelling of metrics that are abbreviations.
 * @type {Record<string, string>}
 */
const properNames = { co2: "CO₂", eco2: "eCO₂", pm25: "PM2.5", pm10: "PM10", tvoc: "TVOC", rssi: "RSSI" };

/** The device patterns of a panel: exact names, or `*` for any sequence of characters. */
export class DevicePatterns {
  #patterns;

  /** @param {string[]} patterns */
  constructor(patterns) {
    this.#patterns = patterns.map((pattern) => ({
      pattern,
      expression: new RegExp(`^${pattern.split("*").map(escapeExpression).join(".*")}$`, "su"),
    }));
  }

  /** @param {string} device */
  matches(device) {
    return this.#patterns.some(({ expression }) => expression.test(device));
  }

  /**
   * Returns the matching names in the order of the patterns, and by name within a pattern.
   * @param {Iterable<string>} names
   */
  select(names) {
    const rest = new Set(names);
    /** @type {string[]} */
    const selected = [];
    for (const { expression } of this.#patterns) {
      const matching = [...rest].filter((name) => expression.test(name)).sort(collator.compare);
      for (const name of matching) rest.delete(name);
      selected.push(...matching);
    }
    return selected;
  }
}

/**
 * Formats a metric for display: `soil_moisture` → `Soil moisture`.
 * @param {string} metric
 */
export function metricLabel(metric) {
  const properName = own(properNames, metric);
  if (properName) return properName;
  const words = metric.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/**
 * Returns an own property whose name comes from outside: a metric may be called `constructor`.
 * @template Value
 * @param {Record<string, Value> | undefined} object
 * @param {string} name
 * @returns {Value | undefined}
 */
export function own(object, name) {
  return object && Object.hasOwn(object, name) ? object[name] : undefined;
}

/** @param {string} text */
function escapeExpression(text) {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
