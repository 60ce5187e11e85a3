import { severityLabel } from "../alerts/alert-words.js";
import { formatNumber, unitSuffix } from "../shared/format.js";

/** @typedef {import("../../windsock-client.js").RuleLimit} RuleLimit */

/** Limits of a chart. Further ones are not drawn. */
const maxLimits = 16;

/**
 * Returns the limits of alert rules for series, each once.
 * @param {{limits: RuleLimit[]}[]} shown
 * @returns {RuleLimit[]}
 */
export function ruleLimits(shown) {
  /** @type {Map<string, RuleLimit>} */
  const found = new Map();
  for (const limit of shown.flatMap(({ limits }) => limits)) {
    found.set(JSON.stringify([limit.above, limit.below, limit.severity]), limit);
    if (found.size === maxLimits) break;
  }
  return [...found.values()];
}

/**
 * Describes a limit: `Critical above 30.0 °C`.
 * @param {RuleLimit} limit
 * @param {string} [unit]
 */
export function describeLimit({ above, below, severity }, unit) {
  const side = above === undefined ? "below" : "above";
  return `${severityLabel(severity)} ${side} ${formatNumber(above ?? below ?? NaN)}${unitSuffix(unit)}`;
}
