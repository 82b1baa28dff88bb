import type { Size } from '../../core/size.ts';
import type { Palette } from './palette.ts';
import type { Random } from './random.ts';

/** Draws a sun or a moon where the thirds of the picture cross, with a glow around it. */
export const drawDisc = (
  pixels: Buffer,
  { width, height }: Size,
  { light }: Palette,
  random: Random,
): void => {
  const side = Math.min(width, height);
  const radius = side * (0.1 + 0.07 * random());
  const centreX = width * (random() < 0.5 ? 0.32 : 0.68) + (random() - 0.5) * side * 0.08;
  const centreY = height * 0.33 + (random() - 0.5) * side * 0.1;
  const reach = radius * 3.2;
  for (let y = Math.max(0, Math.floor(centreY - reach)); y < Math.min(height, centreY + reach); y += 1) {
    // From light at its top to nearly transparent at its foot.
    const depth = Math.min(1, Math.max(0, (y - centreY + radius) / (2 * radius)));
    for (let x = Math.max(0, Math.floor(centreX - reach)); x < Math.min(width, centreX + reach); x += 1) {
      const distance = Math.hypot(x - centreX, y - centreY);
      if (distance >= reach) continue;
      const glow = 0.34 * (1 - distance / reach) ** 2.2;
      const inside = Math.min(1, Math.max(0, radius - distance + 0.5));
      const share = glow + inside * (0.96 - 0.72 * depth ** 1.4 - glow);
      const out = (y * width + x) * 3;
      for (let channel = 0; channel < 3; channel += 1) {
        const under = pixels[out + channel] as number;
        pixels[out + channel] = under + ((light[channel] as number) - under) * share;
      }
    }
  }
};
