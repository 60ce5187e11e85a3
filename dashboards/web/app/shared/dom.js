/**
 * Returns an element that the page's HTML promises.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {string} id
 * @param {Tag} tag
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function byID(id, tag) {
  const node = document.getElementById(id);
  if (node?.localName !== tag) throw new Error(`The page has no <${tag} id="${id}">.`);
  return /** @type {HTMLElementTagNameMap[Tag]} */ (node);
}

/**
 * Makes an element. Texts become text nodes only, so that nothing from a sensor is parsed as HTML.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any> & {dataset?: Record<string, unknown>, attributes?: Record<string, unknown>}} properties
 *   DOM properties; `dataset` and `attributes` are nested
 * @param {...(Node | string | null | undefined)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, { dataset, attributes, ...properties } = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  if (dataset) Object.assign(node.dataset, dataset);
  for (const [name, value] of Object.entries(attributes ?? {})) node.setAttribute(name, String(value));
  node.append(...children.filter(isPresent));
  return node;
}

/**
 * Makes an SVG element.
 * @param {string} tag
 * @param {Record<string, unknown>} attributes
 * @param {...Node} children
 * @returns {SVGElement}
 */
export function svgElement(tag, attributes, ...children) {
  const node = /** @type {SVGElement} */ (document.createElementNS("http://www.w3.org/2000/svg", tag));
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

/**
 * Sets a text only when it differs, because an equal text costs a layout as well.
 * @param {Node} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Sets a `data-` attribute only when it differs; `null` removes it.
 * @param {HTMLElement} node
 * @param {string} name
 * @param {string | number | boolean | null | undefined} value
 */
export function setData(node, name, value) {
  if (value === null || value === undefined) {
    if (name in node.dataset) delete node.dataset[name];
  } else if (node.dataset[name] !== String(value)) {
    node.dataset[name] = String(value);
  }
}

/**
 * Makes elements the only children of a list, in their order. Those in their place are not moved, so that they keep the
 * focus and a reader keeps the place.
 * @param {Element} list
 * @param {Iterable<Element>} roots
 */
export function placeInOrder(list, roots) {
  const kept = new Set(roots);
  for (const child of [...list.children]) if (!kept.has(child)) child.remove();
  let place = list.firstChild;
  for (const root of kept) {
    if (root === place) place = root.nextSibling;
    else list.insertBefore(root, place);
  }
}

/**
 * Clears a canvas and fits it to its size on the page.
 * @param {HTMLCanvasElement} canvas
 * @param {{width: number, height: number}} [size] on the page, if it is known
 * @returns {{context: CanvasRenderingContext2D, width: number, height: number} | null} null while it has no size
 */
export function clearCanvas(canvas, size = { width: canvas.clientWidth, height: canvas.clientHeight }) {
  const { width, height } = size;
  const context = canvas.getContext("2d");
  if (width === 0 || height === 0 || !context) return null;
  const scale = devicePixelRatio;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/**
 * @template Value
 * @param {Value} value
 * @returns {value is NonNullable<Value>}
 */
function isPresent(value) {
  return value !== null && value !== undefined;
}
