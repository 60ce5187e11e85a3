import { claimsOf } from "../client/token.js";

const key = "windsock.token";

/** Who is signed in: a token in this tab's session storage, which ends with the tab. */
export const session = {
  get token() {
    return sessionStorage.getItem(key);
  },

  signIn(token) {
    sessionStorage.setItem(key, token);
  },

  signOut() {
    sessionStorage.removeItem(key);
  },

  /**
   * Takes `#token=…` off the address, so that it is neither bookmarked nor shared with the address.
   * @returns {string | null} the token, if there was one
   */
  takeFromAddress() {
    const token = new URLSearchParams(location.hash.slice(1)).get("token")?.trim();
    if (token === undefined) return null;
    history.replaceState(history.state, "", location.pathname + location.search);
    return token || null;
  },

  /**
   * Signs in by the address's token on a page that has no form to ask with: about others' links the first page asks.
   * @returns {boolean} whether somebody was signed in
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

/** On a machine's own address only its user makes links, such as the demo's. */
const localHosts = new Set(["localhost", "127.0.0.1", "[::1]"]);

/**
 * Whether a link's token is used without asking. Otherwise a link could make somebody write, and be seen, as somebody else.
 * @param {string} token
 * @param {string | null} current the token that is in use
 * @param {string} host the page's
 */
export function isUsedUnasked(token, current, host) {
  if (localHosts.has(host) || token === current) return true;
  return current !== null && userOf(token) !== "" && userOf(token) === userOf(current);
}

/** The user that a token names; an empty text where it names none. @param {string} token */
export function userOf(token) {
  const { sub } = claimsOf(token);
  return typeof sub === "string" ? sub : "";
}

/** Tokens have only characters that can stand in `Sec-WebSocket-Protocol` and in a header. */
export function isPlausibleToken(token) {
  return /^[A-Za-z0-9._~+/=-]+$/.test(token);
}
