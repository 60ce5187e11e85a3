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
   * Moves `#token=…` from the address to the session, so that it is neither bookmarked nor shared with the address.
   * @returns {boolean} whether there was one
   */
  takeFromAddress() {
    const token = new URLSearchParams(location.hash.slice(1)).get("token");
    if (token === null) return false;
    history.replaceState(history.state, "", location.pathname + location.search);
    if (token.trim() !== "") this.signIn(token.trim());
    return true;
  },
};

/** What can stand in `Sec-WebSocket-Protocol` and in a header: nothing else is a token. */
export function isPlausibleToken(token) {
  return /^[A-Za-z0-9._~+/=-]+$/.test(token);
}
