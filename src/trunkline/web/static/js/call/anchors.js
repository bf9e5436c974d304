// The moments that a number is measured between, through all lanes of the timeline.
import { moment } from "./player.js";

const AXIS = 26;
const ROW = 14;

// What stands at each moment. Of sound that nobody heard: where hearing ended, and making.
export function anchors(start_ms, end_ms, { unheard = false, stopped_ms = null } = {}) {
  if (unheard) return [{ ms: start_ms, words: "heard until" }, { ms: end_ms, words: "generated until" }];
  const stopped = stopped_ms > start_ms && stopped_ms < end_ms ? [{ ms: stopped_ms, words: "speech_stopped" }] : [];
  return [{ ms: start_ms, words: "true end of speech" }, ...stopped, { ms: end_ms, words: "first audio" }];
}

export function drawAnchors(pen, found, x, colours, [width, height]) {
  const [first, last] = [found[0].ms, found.at(-1).ms];
  pen.fillStyle = colours.get("ink");
  pen.globalAlpha = 0.05;
  pen.fillRect(x(first), AXIS, x(last) - x(first), height - AXIS);
  pen.globalAlpha = 1;
  pen.lineWidth = 1;
  pen.strokeStyle = colours.get("ink");
  found.forEach(({ ms, words }, n) => {
    const at = Math.round(x(ms)) + 0.5;
    pen.setLineDash([3, 3]);
    pen.beginPath();
    pen.moveTo(at, AXIS);
    pen.lineTo(at, height);
    pen.stroke();
    pen.setLineDash([]);
    const label = `${words} ${moment(ms)}`;
    const wide = pen.measureText(label).width;
    // Beside what it names, and not over what lies between; never off the edge.
    const left = Math.min(width - wide - 4, Math.max(4, n === 0 ? at - 5 - wide : at + 5));
    const row = AXIS + 8 + n * ROW;
    pen.fillStyle = colours.get("panel");
    pen.fillRect(left - 2, row - ROW / 2, wide + 4, ROW);
    pen.fillStyle = colours.get("ink");
    pen.fillText(label, left, row);
  });
}
