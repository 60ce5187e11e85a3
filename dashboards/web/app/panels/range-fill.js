/** Seen through, so that several lie over each other and the grid stays visible. */
const opacity = 0.24;

/**
 * Fills what lies between the lowest and the highest of each bucket, below the lines of the means.
 * @param {{ctx: CanvasRenderingContext2D, chartArea: object, scales: object}} chart the library's
 * @param {{trace: import("../trace.js").Trace, color: string, hasBand: boolean}[]} lines
 */
export function fillRanges({ ctx, chartArea, scales }, lines) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(chartArea.left, chartArea.top, chartArea.right - chartArea.left, chartArea.bottom - chartArea.top);
  ctx.clip();
  ctx.globalAlpha = opacity;
  for (const { trace, color, hasBand } of lines) {
    if (!hasBand || !trace.hasBand) continue;
    ctx.fillStyle = color;
    let first = 0;
    for (let index = 0; index <= trace.length; index += 1) {
      if (index < trace.length && !Number.isNaN(trace.ys[index])) continue;
      if (index > first) fill(ctx, scales, trace, first, index);
      first = index + 1;
    }
  }
  ctx.restore();
}

/** There along the highest, back along the lowest. */
function fill(ctx, { x, y }, { xs, lows, highs }, first, end) {
  ctx.beginPath();
  for (let index = first; index < end; index += 1) ctx.lineTo(x.getPixelForValue(xs[index]), y.getPixelForValue(highs[index]));
  for (let index = end - 1; index >= first; index -= 1) {
    ctx.lineTo(x.getPixelForValue(xs[index]), y.getPixelForValue(lows[index]));
  }
  ctx.closePath();
  ctx.fill();
}
