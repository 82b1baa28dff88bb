import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { drawInTerminal, pictureProtocolOf } from './show-picture.ts';

const terminal = { write: () => undefined, isTTY: true };

describe('a terminal', () => {
  test.each([
    [{ TERM: 'xterm-kitty' }, 'kitty'],
    [{ TERM: 'xterm-256color', KITTY_WINDOW_ID: '1' }, 'kitty'],
    [{ TERM: 'xterm-ghostty' }, 'kitty'],
    [{ TERM_PROGRAM: 'iTerm.app' }, 'iterm2'],
    [{ TERM_PROGRAM: 'WezTerm' }, 'iterm2'],
    [{ TERM: 'xterm-256color' }, undefined],
    [{ TERM: 'xterm-kitty', TMUX: '/tmp/tmux' }, undefined],
    [{}, undefined],
  ])('with %j is shown pictures as %s', (env, protocol) => {
    expect(pictureProtocolOf(terminal, env)).toBe(protocol);
  });

  test('is not one when the output goes to a file', () => {
    expect(pictureProtocolOf({ write: () => undefined }, { TERM: 'xterm-kitty' })).toBeUndefined();
  });
});

describe('a picture', () => {
  // Noise, so that it does not fit into one piece.
  const picture = sharp({
    create: {
      width: 960,
      height: 480,
      channels: 3,
      background: 'grey',
      noise: { type: 'gaussian', mean: 128, sigma: 60 },
    },
  })
    .webp()
    .toBuffer();

  const sizeOf = async (base64: string) => {
    const { format, width, height } = await sharp(Buffer.from(base64, 'base64')).metadata();
    return { format, width, height };
  };

  test('goes to kitty as a small PNG in pieces', async () => {
    const [before, ...escapes] = (await drawInTerminal(await picture, 'kitty')).split('\u001B_G');
    expect(before).toBe('');
    const pieces = escapes.map((escape) => escape.replace('\u001B\\', '').trimEnd().split(';'));
    expect(pieces.length).toBeGreaterThan(2);
    expect(pieces[0]?.[0]).toBe('a=T,f=100,q=2,m=1');
    expect(pieces.map(([keys]) => keys?.at(-1)).join('')).toMatch(/^1+0$/);
    expect(pieces.every(([, piece = '']) => piece.length <= 4096)).toBe(true);
    expect(await sizeOf(pieces.map(([, piece]) => piece).join(''))).toEqual({
      format: 'png',
      width: 480,
      height: 240,
    });
  });

  test('goes to iTerm2 as one inline file that tells its size', async () => {
    const text = await drawInTerminal(await picture, 'iterm2');
    expect([text.startsWith('\u001B]1337;File=inline=1;'), text.endsWith('\u0007\n')]).toEqual([true, true]);
    const base64 = text.slice(text.indexOf(':') + 1, -2);
    expect(Buffer.from(base64, 'base64')).toHaveLength(Number(/size=(\d+)/.exec(text)?.[1]));
    expect(await sizeOf(base64)).toMatchObject({ format: 'png', width: 480 });
  });
});
