/**
 * How far back all alerts are known: from where older ones are asked for. Not the oldest that is known: one that has been
 * firing for long is known whatever its age, and what lies between is not.
 */
export class AlertCursor {
  /** The alert before which older ones are asked for; `null` for the newest. @type {string | null} */
  before = null;
  /** All that began between these times are known, in Unix milliseconds. */
  #from = Infinity;
  #to = -Infinity;

  clear() {
    this.before = null;
    this.#from = Infinity;
    this.#to = -Infinity;
  }

  /**
   * Takes the newest alerts, as `from=` answers them: those that began since then, and those that were not over.
   * @param {{alerts: object[], has_more: boolean, next?: string}} answer the latest first
   * @param {number} from @param {number} to Unix milliseconds; `to`: when it was asked for
   * @returns {boolean} whether it begins anew: what was known before does not reach as far as this goes back
   */
  takeNewest({ alerts, has_more: hasMore, next }, from, to) {
    const begun = alerts.filter(({ pending_at: at }) => Date.parse(at) >= from);
    const last = begun.at(-1);
    const reaches = hasMore && begun.length === alerts.length && last ? Date.parse(last.pending_at) : from;
    const isApart = reaches > this.#to;
    if (isApart || reaches < this.#from) {
      // A page may end behind its last alert, at others that are not ours to know.
      this.before = (begun.length === alerts.length ? next : undefined) ?? last?.alert_id ?? null;
      this.#from = reaches;
    }
    this.#to = Math.max(this.#to, to);
    return isApart;
  }

  /** Takes a page of older ones. @param {object[]} alerts the latest first @param {string} [next] where to go on */
  takeOlder(alerts, next) {
    const last = alerts.at(-1);
    this.before = next ?? last?.alert_id ?? this.before;
    if (!last) return;
    this.#from = Math.min(this.#from, Date.parse(last.pending_at));
  }
}
