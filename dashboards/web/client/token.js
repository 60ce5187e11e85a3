/** A token is renewed this long before it expires, or after three quarters of its lifetime if that is later. */
const leadMs = 60_000;
/** Shortest delay before a renewal, whatever tokens and clocks say. */
const minDelayMs = 5_000;
/** Longest delay that `setTimeout` takes. */
const maxDelayMs = 2 ** 31 - 1;

/**
 * The token of the connection, and its renewal by the option `getToken`.
 *
 * @typedef {object} TokenOptions
 * @property {string | (() => string)} [token]
 * @property {() => Promise<string>} [getToken]
 * @property {(token: string) => Promise<boolean>} [checkToken]
 * @property {() => number} now Unix milliseconds
 */
export class TokenSource {
  /** The token of the current or last connection; empty before the first. */
  bearer = "";
  #options;
  #token;
  #renew;
  #onError;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {TokenOptions} options
   * @param {{renew: (token: string) => Promise<unknown>, onError: (error: unknown) => void}} ports `renew` continues
   *   the open connection with another token
   */
  constructor(options, { renew, onError }) {
    this.#options = options;
    this.#token = options.token;
    this.#renew = renew;
    this.#onError = onError;
  }

  /** Whether there is a way to get another token. */
  get canRenew() {
    return this.#options.getToken !== undefined;
  }

  /**
   * Returns the token for a new connection.
   * @returns {string | Promise<string>}
   */
  next() {
    if (this.#options.getToken) return this.#options.getToken();
    return (typeof this.#token === "function" ? this.#token() : this.#token) ?? "";
  }

  /**
   * Returns the token for a request over HTTP, which needs no connection.
   * @returns {Promise<string>}
   */
  async current() {
    return this.bearer || this.next();
  }

  /**
   * Takes a token that the gateway has accepted for the open connection.
   * @param {string} token
   */
  replace(token) {
    this.bearer = token;
    if (typeof this.#token === "string") this.#token = token;
    this.renewInTime();
  }

  /** Schedules the renewal of the connection's token. */
  renewInTime() {
    this.stop();
    const { getToken, now } = this.#options;
    const delay = getToken ? renewalDelay(this.bearer, now()) : null;
    if (!getToken || delay === null) return;
    this.#timer = setTimeout(async () => {
      try {
        await this.#renew(await getToken());
      } catch (error) {
        // The gateway closes the connection when the token expires; the next connection gets a new token.
        this.#onError(error);
      }
    }, delay);
  }

  /** Cancels the scheduled renewal. */
  stop() {
    clearTimeout(this.#timer);
  }

  /**
   * Asks `checkToken` whether a token is refused. A browser hides the 401 of a refused handshake.
   * @param {string} token
   * @returns {Promise<boolean>}
   */
  async isRefused(token) {
    try {
      return (await this.#options.checkToken?.(token)) === false;
    } catch {
      return false;
    }
  }
}

/**
 * Returns the claims of a token (RFC 7519, section 4) without verification, or an empty object.
 * @param {string} token
 * @returns {Record<string, unknown>}
 */
export function claimsOf(token) {
  try {
    const bytes = atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"));
    const text = new TextDecoder().decode(Uint8Array.from(bytes, (character) => character.charCodeAt(0)));
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

/**
 * Returns the delay in milliseconds before a token is renewed; null when it does not expire, or not within the reach of
 * a timer. If our clock is evidently wrong (before the token was issued, or after its expiry), the token counts as new.
 * @param {string} token
 * @param {number} nowMs Unix milliseconds
 * @returns {number | null}
 */
export function renewalDelay(token, nowMs) {
  const { iat, exp } = claimsOf(token);
  const [issuedAt, expiry] = [iat, exp].map((seconds) => (typeof seconds === "number" ? seconds * 1000 : null));
  if (expiry === null) return null;
  const isPlausible = nowMs < expiry && (issuedAt === null || nowMs >= issuedAt);
  const left = isPlausible ? expiry - nowMs : expiry - (issuedAt ?? expiry);
  if (left > maxDelayMs) return null;
  return Math.max(minDelayMs, left - Math.min(leadMs, left / 4));
}
