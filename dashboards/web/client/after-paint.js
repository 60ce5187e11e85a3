/**
 * Calls back when what was drawn is on its way to the screen.
 *
 * An animation frame's callbacks run before the browser lays out and paints; a message that is posted from one of them
 * arrives after it did.
 * @param {() => void} callback
 * @param {{inFrame?: boolean}} [options] `inFrame`: called from an animation frame that drew already
 */
export function afterPaint(callback, { inFrame = false } = {}) {
  const post = () => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      callback();
    };
    port2.postMessage(null);
  };
  if (inFrame) post();
  else requestAnimationFrame(post);
}
