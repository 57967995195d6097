/* Anagrams: every piece of a view goes straight to where it is seen, and turns about its own middle. */
const noisewalkEase = t => (1 - Math.cos(Math.PI * t)) / 2;
function noisewalkPartly([a, b, c, d], s) { // rows: [a b; c d], on (row, column)
  if (a * d - b * c > 0) { const w = s * Math.atan2(c, a); return [Math.cos(w), -Math.sin(w), Math.sin(w), Math.cos(w)]; }
  return [1 - s + s * a, s * b, s * c, 1 - s + s * d]; // turned over, like a card
}
function noisewalkCut(image, look, width, height) {
  if (!look.piece) return [{ image, left: 0, top: 0 }];
  const bytes = Uint8Array.from(atob(look.piece), c => c.charCodeAt(0));
  const of = i => bytes[2 * i] + 256 * bytes[2 * i + 1];
  const boxes = look.pieces.map(() => [width, height, 0, 0]);
  for (let i = 0; i < width * height; i++) {
    const box = boxes[of(i)], x = i % width, y = (i / width) | 0;
    box[0] = Math.min(box[0], x); box[1] = Math.min(box[1], y); box[2] = Math.max(box[2], x); box[3] = Math.max(box[3], y);
  }
  const whole = new OffscreenCanvas(width, height), pen = whole.getContext("2d");
  pen.drawImage(image, 0, 0);
  const from = pen.getImageData(0, 0, width, height).data;
  return boxes.map(([left, top, right, bottom], k) => {
    const wide = right - left + 1, high = bottom - top + 1, canvas = new OffscreenCanvas(wide, high), own = canvas.getContext("2d");
    const part = own.createImageData(wide, high);
    for (let y = 0; y < high; y++) for (let x = 0; x < wide; x++) {
      const i = (top + y) * width + left + x;
      if (of(i) === k) part.data.set(from.subarray(4 * i, 4 * i + 4), 4 * (y * wide + x));
    }
    own.putImageData(part, 0, 0);
    return { image: canvas, left, top };
  });
}
function noisewalkTurned(canvas, look, cuts, width, height, s) { // the picture a share s of the way to how it is seen
  const pen = canvas.getContext("2d"), scale = canvas.width / (1.44 * Math.max(width, height));
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingEnabled = false;
  look.pieces.forEach((piece, k) => {
    const [row, column, down, right] = piece, [a, b, c, d] = noisewalkPartly(piece.slice(4), s);
    const x = (column + s * right + 0.5 - width / 2) * scale + canvas.width / 2;
    const y = (row + s * down + 0.5 - height / 2) * scale + canvas.height / 2;
    cuts.forEach((parts, layer) => {
      const { image, left, top } = parts[k];
      pen.globalAlpha = layer ? s : 1;
      pen.setTransform(d * scale, b * scale, c * scale, a * scale, x, y);
      pen.drawImage(image, left - column - 0.5, top - row - 0.5);
    });
  });
  pen.globalAlpha = 1;
}
