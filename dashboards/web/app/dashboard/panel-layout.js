const columns = 12;

/**
 * Returns the widths of panels so that no row has a hole: the last panel of a row takes what is left of it.
 * @param {number[]} spans wanted widths in twelfths, in drawing order
 * @returns {number[]}
 */
export function filledRows(spans) {
  const filled = [...spans];
  let used = 0;
  for (const [index, span] of spans.entries()) {
    used = used + span > columns ? span : used + span;
    const next = spans[index + 1] ?? columns;
    if (used + next > columns) filled[index] += columns - used;
  }
  return filled;
}
