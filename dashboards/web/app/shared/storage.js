/**
 * A storage of the browser. A page in a frame of another site may have none; its values then last as long as the page.
 */
class SafeStorage {
  /** @type {() => Storage} */
  #storage;
  /** @type {Map<string, string>} */
  #own = new Map();

  /** @param {() => Storage} storage throws where there is none */
  constructor(storage) {
    this.#storage = storage;
  }

  /**
   * @param {string} key
   * @returns {string | null}
   */
  getItem(key) {
    return this.#own.get(key) ?? this.#try((storage) => storage.getItem(key)) ?? null;
  }

  /**
   * @param {string} key
   * @param {string} value
   */
  setItem(key, value) {
    this.#own.delete(key);
    this.#try((storage) => storage.setItem(key, value), () => this.#own.set(key, value));
  }

  /** @param {string} key */
  removeItem(key) {
    this.#own.delete(key);
    this.#try((storage) => storage.removeItem(key));
  }

  /**
   * @template Value
   * @param {(storage: Storage) => Value} action
   * @param {() => void} [otherwise]
   * @returns {Value | undefined}
   */
  #try(action, otherwise) {
    try {
      return action(this.#storage());
    } catch {
      otherwise?.();
      return undefined;
    }
  }
}

/** Values that end with the tab. */
export const tabStorage = new SafeStorage(() => sessionStorage);
/** Values that all tabs share and that stay. */
export const browserStorage = new SafeStorage(() => localStorage);
