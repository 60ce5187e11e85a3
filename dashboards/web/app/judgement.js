/**
 * The threshold that a value has crossed: `critical` wins, then the first; `null` when all is well.
 * @param {Array<{above?: number, below?: number, level?: string, metric?: string, label?: string}>} thresholds
 * @param {string} metric
 * @param {number} value
 * @returns {{level: "warning" | "critical", label?: string} | null}
 */
export function judge(thresholds, metric, value) {
  let crossed = null;
  for (const { above, below, level = "warning", metric: only, label } of thresholds ?? []) {
    if (only !== undefined && only !== metric) continue;
    if (!(value > above || value < below)) continue;
    if (level === "critical") return { level, label };
    crossed ??= { level, label };
  }
  return crossed;
}

/**
 * The word for a value, where the panel has one: a door is `Open`, not 1.
 * @param {Array<{value: number, text: string, metric?: string}>} states
 * @returns {string | null}
 */
export function stateText(states, metric, value) {
  const state = states?.find((state) => state.value === value && (state.metric ?? metric) === metric);
  return state?.text ?? null;
}
