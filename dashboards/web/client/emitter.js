/** An event emitter. A listener that throws stops neither the other listeners nor the client. */
export class Emitter {
  /** @type {Map<string, Set<Function>>} */
  #listeners = new Map();

  /**
   * @param {string} event
   * @param {Function} listener
   * @returns {() => void} removes the listener
   */
  on(event, listener) {
    if (typeof listener !== "function") throw new TypeError(`The listener of "${event}" must be a function.`);
    let listeners = this.#listeners.get(event);
    if (!listeners) this.#listeners.set(event, (listeners = new Set()));
    listeners.add(listener);
    return () => void listeners?.delete(listener);
  }

  /**
   * @param {string} event
   * @param {...unknown} values
   */
  emit(event, ...values) {
    const listeners = this.#listeners.get(event);
    if (listeners) for (const listener of listeners) callSafely(listener, ...values);
  }
}

/**
 * Calls a user's callback. An exception is reported as an uncaught error, and the caller continues.
 * @param {Function | undefined} listener
 * @param {...unknown} values
 */
export function callSafely(listener, ...values) {
  if (!listener) return;
  try {
    listener(...values);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
