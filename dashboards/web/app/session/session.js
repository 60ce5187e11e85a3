import { claimsOf } from "../../client/token.js";
import { tabStorage } from "../shared/storage.js";

const key = "windsock.token";

/** The session: a token in the session storage, which ends with the tab. */
export const session = {
  get token() {
    return tabStorage.getItem(key);
  },

  /** @param {string} token */
  signIn(token) {
    tabStorage.setItem(key, token);
  },

  signOut() {
    tabStorage.removeItem(key);
  },

  /**
   * Removes `#token=…` from the URL, so that it is neither bookmarked nor shared.
   * @returns {string | null} the token, if there was one
   */
  takeFromAddress() {
    const token = new URLSearchParams(location.hash.slice(1)).get("token")?.trim();
    if (token === undefined) return null;
    history.replaceState(history.state, "", location.pathname + location.search);
    return token || null;
  },

  /**
   * Signs in by the URL's token, on a page without a sign-in form. Tokens that need a confirmation are passed on to the
   * first page.
   * @returns {boolean} whether the user was signed in
   */
  followLink() {
    const token = this.takeFromAddress();
    if (token === null) return false;
    const isUsed = isUsedUnasked(token, this.token, location.hostname);
    if (isUsed) this.signIn(token);
    else location.replace(`/#${new URLSearchParams({ token })}`);
    return isUsed;
  },
};

/** Host names of the local machine, where only its user makes links, such as the demo's. */
const localHosts = new Set(["localhost", "127.0.0.1", "[::1]"]);

/**
 * Whether a token is that of a share, which reads one dashboard and belongs to nobody.
 * @param {string} token
 */
export function isShareToken(token) {
  return /^share-[A-Za-z0-9_-]+$/.test(token);
}

/**
 * Whether a token may join all rooms, as operators may.
 * @param {string} token
 */
export function isOperator(token) {
  const { join } = claimsOf(token);
  return Array.isArray(join) && join.includes("#");
}

/**
 * Whether a token claims the right to share dashboards.
 * @param {string} token
 */
export function mayShare(token) {
  return claimsOf(token).share === true;
}

/**
 * Whether a link's token is used without a confirmation. Otherwise a link could make users act under another name. The
 * token of a share cannot act, but it would end the session of a user.
 * @param {string} token
 * @param {string | null} current the current token
 * @param {string} host of the page
 */
export function isUsedUnasked(token, current, host) {
  if (localHosts.has(host) || token === current) return true;
  if (isShareToken(token)) return current === null || isShareToken(current);
  return current !== null && userOf(token) !== "" && userOf(token) === userOf(current);
}

/**
 * Returns the user of a token; an empty text when it names none.
 * @param {string} token
 */
export function userOf(token) {
  const { sub } = claimsOf(token);
  return typeof sub === "string" ? sub : "";
}

/**
 * Hides the links to pages that a token does not reach: those with `data-needs="everything"` need a `join` of `#`.
 * @param {string | null} token
 */
export function hideUnreachable(token) {
  const isReachable = token !== null && isOperator(token);
  for (const link of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-needs]"))) {
    link.hidden = !isReachable;
  }
}

/**
 * Whether a token has only characters that are allowed in `Sec-WebSocket-Protocol` and in a header.
 * @param {string} token
 */
export function isPlausibleToken(token) {
  return /^[A-Za-z0-9._~+/=-]+$/.test(token);
}
