import { describeLimit } from "./rule-limits.js";

/** @typedef {import("./line-chart.js").Chart} Chart */
/** @typedef {import("../shared/gateway-types.js").Threshold} Threshold */

/**
 * Draws dashed thresholds below the lines.
 * @param {Chart} chart
 * @param {Threshold[]} thresholds
 * @param {import("../shared/palette.js").Palette} palette
 */
export function drawThresholds({ ctx, chartArea, scales }, thresholds, palette) {
  ctx.save();
  ctx.lineWidth = 1;
  ctx.setLineDash([2, 4]);
  for (const { above, below, level = "warning" } of thresholds) {
    const value = above ?? below;
    if (value === undefined || value < scales.y.min || value > scales.y.max) continue;
    ctx.strokeStyle = palette[level];
    const y = scales.y.getPixelForValue(value);
    strokeLine(ctx, chartArea.left, y, chartArea.right, y);
  }
  ctx.restore();
}

/** Height of a limit's description. */
const limitPixels = 12;

/**
 * Draws the limits of alert rules as dashed lines with a description, below the lines. A description that would cover
 * another one is left out.
 * @param {Chart} chart
 * @param {import("./rule-limits.js").RuleLimit[]} limits
 * @param {import("../shared/palette.js").Palette} palette
 */
export function drawLimits({ ctx, chartArea, scales }, limits, palette) {
  ctx.save();
  ctx.font = `10px ${palette.font}`;
  ctx.textBaseline = "bottom";
  ctx.lineWidth = 1;
  ctx.setLineDash([7, 4]);
  /** @type {number[]} */
  const texts = [];
  for (const limit of limits) {
    const { above, below, severity } = limit;
    const value = above ?? below;
    if (value === undefined || value < scales.y.min || value > scales.y.max) continue;
    const y = scales.y.getPixelForValue(value);
    ctx.strokeStyle = ctx.fillStyle = severity === "info" ? palette.axis : palette[severity];
    strokeLine(ctx, chartArea.left, y, chartArea.right, y);
    const bottom = y - 2 - limitPixels < chartArea.top ? y + 2 + limitPixels : y - 2;
    if (texts.some((other) => Math.abs(other - bottom) < limitPixels)) continue;
    texts.push(bottom);
    ctx.fillText(describeLimit(limit), chartArea.left + 6, bottom);
  }
  ctx.restore();
}

/**
 * Draws a vertical line at the pointer, below the lines.
 * @param {Chart} chart
 * @param {number} time
 * @param {string} color
 */
export function drawPointer({ ctx, chartArea, scales }, time, color) {
  ctx.save();
  ctx.lineWidth = 1;
  ctx.strokeStyle = color;
  const x = scales.x.getPixelForValue(time);
  strokeLine(ctx, x, chartArea.top, x, chartArea.bottom);
  ctx.restore();
}

/**
 * Draws a dot at the end of each line, the current value.
 * @param {Chart} chart
 * @param {string} surface
 */
export function drawEnds({ ctx, chartArea, scales, data }, surface) {
  ctx.save();
  for (const { data: points, borderColor, hasEnd } of data.datasets) {
    const last = points.at(-1);
    if (!hasEnd || !last || Number.isNaN(last.y)) continue;
    const x = scales.x.getPixelForValue(last.x);
    if (x < chartArea.left || x > chartArea.right + 4) continue;
    ctx.beginPath();
    ctx.arc(x, scales.y.getPixelForValue(last.y), 3, 0, 2 * Math.PI);
    ctx.fillStyle = borderColor;
    ctx.strokeStyle = surface;
    ctx.lineWidth = 2;
    ctx.stroke();
    ctx.fill();
  }
  ctx.restore();
}

/**
 * Draws a ring around the point that a click or Enter opens.
 * @param {Chart} chart
 * @param {{time: number, value: number}} target
 * @param {string} color
 */
export function drawTarget({ ctx, chartArea, scales }, { time, value }, color) {
  const x = scales.x.getPixelForValue(time);
  if (x < chartArea.left || x > chartArea.right + 4) return;
  ctx.save();
  ctx.beginPath();
  ctx.arc(x, scales.y.getPixelForValue(value), 5, 0, 2 * Math.PI);
  ctx.strokeStyle = color;
  ctx.lineWidth = 2;
  ctx.stroke();
  ctx.restore();
}

/**
 * Draws a line of one pixel on whole pixels, where it is sharp.
 * @param {CanvasRenderingContext2D} context
 * @param {number} x1
 * @param {number} y1
 * @param {number} x2
 * @param {number} y2
 */
function strokeLine(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(Math.round(x1) + 0.5, Math.round(y1) + 0.5);
  context.lineTo(Math.round(x2) + 0.5, Math.round(y2) + 0.5);
  context.stroke();
}

/** Transparent, so that several ranges and the grid stay visible. */
const opacity = 0.24;

/**
 * Fills the range from lowest to highest of each bucket, below the lines of the means.
 * @param {Chart} chart
 * @param {import("./line-chart.js").ChartLine[]} lines
 */
export function fillRanges({ ctx, chartArea, scales }, lines) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(chartArea.left, chartArea.top, chartArea.right - chartArea.left, chartArea.bottom - chartArea.top);
  ctx.clip();
  ctx.globalAlpha = opacity;
  for (const { line, color, hasBand } of lines) {
    if (!hasBand || !line.hasBand) continue;
    ctx.fillStyle = color;
    let first = 0;
    for (let index = 0; index <= line.length; index += 1) {
      if (index < line.length && !Number.isNaN(line.ys[index])) continue;
      if (index > first) fill(ctx, scales, line, first, index);
      first = index + 1;
    }
  }
  ctx.restore();
}

/**
 * Fills one uninterrupted part of a range: along the highest values and back along the lowest.
 * @param {CanvasRenderingContext2D} ctx
 * @param {Chart["scales"]} scales
 * @param {import("./polyline.js").Polyline} line
 * @param {number} first
 * @param {number} end
 */
function fill(ctx, { x, y }, { xs, lows, highs }, first, end) {
  ctx.beginPath();
  for (let index = first; index < end; index += 1) {
    ctx.lineTo(x.getPixelForValue(xs[index]), y.getPixelForValue(highs[index]));
  }
  for (let index = end - 1; index >= first; index -= 1) {
    ctx.lineTo(x.getPixelForValue(xs[index]), y.getPixelForValue(lows[index]));
  }
  ctx.closePath();
  ctx.fill();
}
