/**
 * Where a link may lead: http, https, or a path of this page's own origin; `null` for anything else. The gateway
 * checks it too; a page that shows what others wrote checks for itself.
 * @param {string | undefined} link
 * @returns {{href: string, isOwn: boolean} | null}
 */
export function safeLink(link) {
  if (!link || /[\s\\]/.test(link)) return null;
  if (link.startsWith("/")) return link.startsWith("//") ? null : { href: link, isOwn: true };
  try {
    const { protocol, href } = new URL(link);
    return protocol === "http:" || protocol === "https:" ? { href, isOwn: false } : null;
  } catch {
    return null;
  }
}
