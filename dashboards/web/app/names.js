/** Orders `fleet-9` before `fleet-10`. */
const collator = new Intl.Collator("en", { numeric: true });

/** Names that are not written as words. */
const properNames = { co2: "CO₂", eco2: "eCO₂", pm25: "PM2.5", pm10: "PM10", tvoc: "TVOC", rssi: "RSSI" };

/**
 * Which devices a panel shows: patterns, exact or with `*` for any run of characters.
 */
export class DevicePatterns {
  #patterns;

  /** @param {string[]} patterns */
  constructor(patterns) {
    this.#patterns = patterns.map((pattern) => ({
      pattern,
      expression: new RegExp(`^${pattern.split("*").map(escapeExpression).join(".*")}$`, "su"),
    }));
  }

  matches(device) {
    return this.#patterns.some(({ expression }) => expression.test(device));
  }

  /** The devices of `names` that match, in the order of the patterns, those of one pattern by name. */
  select(names) {
    const rest = new Set(names);
    const selected = [];
    for (const { expression } of this.#patterns) {
      const matching = [...rest].filter((name) => expression.test(name)).sort(collator.compare);
      for (const name of matching) rest.delete(name);
      selected.push(...matching);
    }
    return selected;
  }
}

/** `soil_moisture` → `Soil moisture` */
export function metricLabel(metric) {
  if (properNames[metric]) return properNames[metric];
  const words = metric.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/**
 * The object's own value under a name that somebody else chose: a metric may be called `constructor`.
 * @param {object | undefined} object
 * @param {string} name
 */
export function own(object, name) {
  return object && Object.hasOwn(object, name) ? object[name] : undefined;
}

function escapeExpression(text) {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
