import type { Random } from './random.ts';

/** Red, green and blue, each from 0 to 255. */
export type Rgb = readonly [number, number, number];

/** The colours of a picture. */
export interface Palette {
  /** `rampSteps` colours from dark to light, three bytes each. */
  readonly ramp: Uint8Array;
  /** Nearly white, for the disc and most of the fine lines. */
  readonly light: Rgb;
  /** The warm or cool opposite of the main colour, for the others. */
  readonly accent: Rgb;
  /** Nearly black, under the caption. */
  readonly shade: Rgb;
}

/** How strong the colours of a palette are; 1 is ordinary. */
export interface PaletteStrength {
  readonly chroma: number;
  readonly contrast: number;
}

/** Steps of the ramp. */
export const rampSteps = 1024;

/** Hues in degrees of OKLCH: of the shadows, of the middle tones and of the lights. */
type Hues = readonly [number, number, number];

/** Words that name a colour, and the hues they ask for. */
const colourWords: readonly (readonly [RegExp, Hues])[] = [
  [/\b(gold|golden|amber|honey|wheat)\b|金|琥珀|麦田/iu, [28, 58, 86]],
  [/\b(sunset|dusk|dawn|sunrise)\b|日落|晚霞|夕阳|黄昏|日出|朝霞/iu, [295, 18, 68]],
  [/\b(orange|autumn|fall leaves|desert)\b|橙|橘|秋|沙漠/iu, [22, 46, 74]],
  [/\b(red|fire|flames?|lanterns?|scarlet)\b|红|火|灯笼|朱/iu, [12, 26, 52]],
  [/\b(pink|cherry|peach|roses?|blossoms?)\b|粉|樱|桃|玫瑰/iu, [330, 355, 32]],
  [/\b(purple|violet|lavender|galaxy|nebula)\b|紫|薰衣草|银河|星云/iu, [278, 306, 340]],
  [/\b(neon|cyber|cyberpunk)\b|赛博|霓虹/iu, [280, 328, 200]],
  [/\b(night|midnight|moon|moonlight|stars?|starry)\b|夜|月|星空|宇宙/iu, [282, 264, 228]],
  [/\b(blue|sea|ocean|sky|storm)\b|蓝|海|天空/iu, [268, 250, 212]],
  [/\b(ice|icy|snow|snowy|winter|mist|fog)\b|冰|雪|冬|雾/iu, [258, 232, 212]],
  [/\b(teal|turquoise|lake|river|jade)\b|青|湖|江|玉/iu, [225, 192, 165]],
  [/\b(green|forest|trees?|grass|spring|bamboo|jungle)\b|绿|森林|树|草|春|竹/iu, [178, 152, 116]],
  [/\b(yellow|sun|sunny|lemon)\b|黄|太阳|阳光|柠檬/iu, [48, 80, 102]],
];

/** Words that name a mood: how they change the strength and the lightness of the colours. */
const moodWords: readonly (readonly [RegExp, { readonly chroma?: number; readonly lightness?: number }])[] = [
  [/\b(vivid|vibrant|colou?rful|neon|pop art)\b|鲜艳|丰富|绚丽|霓虹/iu, { chroma: 1.18 }],
  [/\b(happy|joyful|cheerful|bright)\b|开心|快乐|明亮|欢/iu, { chroma: 1.05, lightness: 0.03 }],
  [/\b(pastel|soft|gentle|calm)\b|柔和|清新|淡/iu, { chroma: 0.75, lightness: 0.06 }],
  [/\b(night|dark|midnight|storm|gloomy)\b|夜|黑|暗|宇宙/iu, { lightness: -0.1 }],
  [/\b(snow|snowy|ice|mist|fog)\b|雪|冰|雾/iu, { chroma: 0.5, lightness: 0.05 }],
  [/\b(ink|monochrome|black and white|grayscale)\b|水墨|黑白|素描/iu, { chroma: 0.18 }],
];

/** Words that ask for warm and cool colours in one picture. */
const contrastWords = /\b(complementary|warm and cool|colou?r contrast)\b|冷暖|撞色|对比色|互补/iu;

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

/** Degrees from one hue to another, the short way round. */
const shorterTurn = (from: number, to: number): number => ((((to - from) % 360) + 540) % 360) - 180;

/** The hue between two others; far ones meet on the side of the blues, since dark yellow is mud. */
const between = (from: number, to: number): number => {
  const turn = shorterTurn(from, to);
  const middle = (from + turn / 2 + 360) % 360;
  return Math.abs(turn) > 90 && middle > 40 && middle < 140 ? middle + 180 : middle;
};

/** Hues that the words name, in their order; chance decides where they name none. */
const chooseHues = (words: string, random: Random): Hues => {
  const named = colourWords
    .map(([pattern, hues]) => ({ place: words.search(pattern), hues }))
    .filter(({ place }) => place !== -1)
    .toSorted((one, other) => one.place - other.place)
    .map(({ hues }) => hues);
  // Shadows of any hue but yellow.
  const from = 140 + random() * 260;
  const turn = (random() < 0.5 ? -1 : 1) * (30 + random() * 45);
  const [shadow, middle, light] = named[0] ?? [from, from + turn, from + turn * 2];
  if (contrastWords.test(words)) return [light + 180, middle, light];
  // A second colour word lives in the shadows of the first.
  return [named[1]?.[1] ?? shadow, middle, light];
};

/** Lightness and chroma of the five colours that the ramp runs through. */
const stops: readonly (readonly [lightness: number, chroma: number])[] = [
  [0.2, 0.07],
  [0.39, 0.135],
  [0.6, 0.17],
  [0.79, 0.14],
  [0.94, 0.055],
];

/** Colours that follow words, such as a prompt: those that name a colour or a mood steer it, chance does the rest. */
export const paletteFor = (words: string, strength: PaletteStrength, random: Random): Palette => {
  const [shadow, middle, light] = chooseHues(words, random);
  const shift = (random() - 0.5) * 12;
  const moods = moodWords.filter(([pattern]) => pattern.test(words)).map(([, mood]) => mood);
  const chroma = moods.reduce((product, mood) => product * (mood.chroma ?? 1), strength.chroma);
  const lightness = moods.reduce((sum, mood) => sum + (mood.lightness ?? 0), 0);
  const hues = [shadow, between(shadow, middle), middle, between(middle, light), light];
  const colours = stops.map(([stopLightness, stopChroma], index) =>
    oklch(
      Math.min(0.97, Math.max(0.08, 0.57 + (stopLightness - 0.57) * strength.contrast + lightness)),
      stopChroma * chroma,
      (hues[index] ?? middle) + shift,
    ),
  );
  return {
    ramp: rampThrough(colours),
    light: oklch(0.97, 0.04 * Math.min(1, chroma), light),
    accent: oklch(0.84, 0.14 * chroma, middle + 180),
    shade: oklch(0.13, 0.04 * Math.min(1, chroma), shadow),
  };
};

/** Colours in even steps, easing from each given one to the next. */
const rampThrough = (colours: readonly Rgb[]): Uint8Array => {
  const ramp = new Uint8Array(rampSteps * 3);
  for (let index = 0; index < rampSteps; index += 1) {
    const place = (index / (rampSteps - 1)) * (colours.length - 1);
    const lower = Math.min(colours.length - 2, Math.floor(place));
    const part = place - lower;
    const eased = part * part * (3 - 2 * part);
    for (let channel = 0; channel < 3; channel += 1) {
      const [low = 0, high = 0] = [colours[lower]?.[channel], colours[lower + 1]?.[channel]];
      ramp[index * 3 + channel] = low + (high - low) * eased;
    }
  }
  return ramp;
};
