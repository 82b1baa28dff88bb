import type { Random } from './random.ts';

/** Red, green and blue, each from 0 to 255. */
export type Rgb = readonly [number, number, number];

/** The colours of a picture. */
export interface Palette {
  /** 1,024 colours from dark to light, three bytes each. */
  readonly ramp: Uint8Array;
  /** Nearly white, for the fine lines. */
  readonly light: Rgb;
  /** Opposite of the main colour, for a few of them. */
  readonly accent: Rgb;
  /** Nearly black, under the caption. */
  readonly shade: Rgb;
}

/** Steps of the ramp. */
export const RAMP = 1024;

/** Words of a prompt and the hue they ask for, in degrees of OKLCH. */
const hues: readonly (readonly [RegExp, number])[] = [
  [/gold|黄金|金色|amber|honey|琥珀/iu, 70],
  [/sunset|日落|晚霞|夕阳|dusk|黄昏|orange|橙|autumn|秋/iu, 52],
  [/\bred\b|红|fire|火|lantern|灯笼|rose|玫瑰/iu, 25],
  [/pink|粉|cherry|樱|peach|桃/iu, 0],
  [/purple|紫|violet|lavender|galaxy|银河|星云|cyber|赛博|neon|霓虹/iu, 305],
  [/blue|蓝|sea|海|ocean|sky|天空|\bnight\b|夜|moon|月/iu, 255],
  [/ice|冰|snow|雪|winter|冬|mist|雾/iu, 220],
  [/teal|青|lake|湖|river|江|jade|玉/iu, 185],
  [/green|绿|forest|森林|tree|树|grass|草|spring|春|bamboo|竹/iu, 145],
  [/yellow|黄|sun\b|太阳|lemon|柠檬/iu, 100],
];

/** OKLCH to sRGB (Ottosson, 2020); out of gamut is cut off. */
const oklch = (lightness: number, chroma: number, degrees: number): Rgb => {
  const angle = (degrees * Math.PI) / 180;
  const [a, b] = [chroma * Math.cos(angle), chroma * Math.sin(angle)];
  const long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const channel = (linear: number): number => {
    const cut = Math.min(1, Math.max(0, linear));
    return 255 * (cut <= 0.0031308 ? 12.92 * cut : 1.055 * cut ** (1 / 2.4) - 0.055);
  };
  return [
    channel(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
    channel(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
    channel(-0.0041960863 * long - 0.7034186147 * medium + 1.707614701 * short),
  ];
};

/**
 * Colours that follow the prompt: its words choose the hue where they name one, otherwise chance does.
 *
 * @param vividness 1 is ordinary; less is paler.
 */
export const paletteFor = (prompt: string, vividness: number, random: Random): Palette => {
  const named = hues.flatMap(([words, hue]) => {
    const place = prompt.search(words);
    return place === -1 ? [] : [{ place, hue }];
  });
  named.sort((one, other) => one.place - other.place);
  const from = (named[0]?.hue ?? random() * 360) + (random() - 0.5) * 16;
  const turn = named[1] === undefined ? (random() < 0.5 ? -1 : 1) * (45 + random() * 75) : shorterTurn(from, named[1].hue);
  const darkest = 0.17 + random() * 0.08;

  const stops = [0, 0.25, 0.5, 0.75, 1].map((step) =>
    oklch(
      darkest + (0.9 - darkest) * step ** 0.9,
      vividness * (0.05 + 0.13 * Math.sin(Math.PI * (0.15 + 0.8 * step))),
      from + turn * step,
    ),
  );
  const ramp = new Uint8Array(RAMP * 3);
  for (let index = 0; index < RAMP; index += 1) {
    const place = (index / (RAMP - 1)) * (stops.length - 1);
    const lower = Math.min(stops.length - 2, Math.floor(place));
    const part = place - lower;
    const eased = part * part * (3 - 2 * part);
    for (let channel = 0; channel < 3; channel += 1) {
      const [low = 0, high = 0] = [stops[lower]?.[channel], stops[lower + 1]?.[channel]];
      ramp[index * 3 + channel] = low + (high - low) * eased;
    }
  }
  const [red = 0, green = 0, blue = 0] = stops[0] ?? [];
  return {
    ramp,
    light: oklch(0.97, 0.03 * vividness, from + turn),
    accent: oklch(0.82, 0.15 * vividness, from + 180),
    shade: [red * 0.5, green * 0.5, blue * 0.5],
  };
};

/** Degrees from one hue to another, the short way round. */
const shorterTurn = (from: number, to: number): number => ((((to - from) % 360) + 540) % 360) - 180;
