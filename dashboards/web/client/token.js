/** How long before its end a token is renewed. */
const leadMs = 60_000;

/** When a token (RFC 7519) ends, in Unix milliseconds; null for one that does not say so. @param {string} token */
export function tokenExpiry(token) {
  try {
    const payload = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    const { exp } = JSON.parse(atob(payload));
    return typeof exp === "number" ? exp * 1000 : null;
  } catch {
    return null;
  }
}

/** How long to wait before renewing a token; null when it does not end, or not within a timer's reach. */
export function renewalDelay(token, nowMs) {
  const expiry = tokenExpiry(token);
  if (expiry === null || expiry - nowMs > 2 ** 31 - 1) return null;
  return Math.max(0, expiry - nowMs - leadMs);
}
