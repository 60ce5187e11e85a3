/** What a line chart has besides its lines. `chart` is the library's: `ctx`, `chartArea`, `scales`, `data`. */

/** Below the lines: dashed thresholds. */
export function drawThresholds({ ctx, chartArea, scales }, thresholds, palette) {
  ctx.save();
  ctx.lineWidth = 1;
  ctx.setLineDash([2, 4]);
  for (const { above, below, level = "warning" } of thresholds) {
    const value = above ?? below;
    if (value < scales.y.min || value > scales.y.max) continue;
    ctx.strokeStyle = palette[level];
    const y = scales.y.getPixelForValue(value);
    strokeLine(ctx, chartArea.left, y, chartArea.right, y);
  }
  ctx.restore();
}

/** Below the lines: where the pointer is. */
export function drawPointer({ ctx, chartArea, scales }, time, color) {
  ctx.save();
  ctx.lineWidth = 1;
  ctx.strokeStyle = color;
  const x = scales.x.getPixelForValue(time);
  strokeLine(ctx, x, chartArea.top, x, chartArea.bottom);
  ctx.restore();
}

/** A dot where each line ends: what is now. */
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

/** A ring around the point that a click or Enter would open. */
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

/** On whole pixels, where a line of one pixel is sharp. */
function strokeLine(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(Math.round(x1) + 0.5, Math.round(y1) + 0.5);
  context.lineTo(Math.round(x2) + 0.5, Math.round(y2) + 0.5);
  context.stroke();
}
