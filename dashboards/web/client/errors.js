/** An error with the gateway's code or one of the client's own. */
export class WindsockError extends Error {
  /**
   * @param {string} code the gateway's (`forbidden`, `rate_limited`, …), or `timeout`, `disconnected`, `overloaded`,
   *   `bad_message`, `left`, `closed`
   * @param {string} message
   * @param {boolean} [temporary] true when a retry may succeed
   */
  constructor(code, message, temporary = false) {
    super(message);
    this.name = "WindsockError";
    this.code = code;
    this.temporary = temporary;
  }
}
