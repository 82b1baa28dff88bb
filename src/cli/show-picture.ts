import { Buffer } from 'node:buffer';
import type { Environment } from '../config/environment.ts';
import { withSharp } from '../images/decoding.ts';
import type { Terminal } from './context.ts';

/** How a terminal takes pictures: kitty's graphics protocol, or iTerm2's inline images. */
export type PictureProtocol = 'kitty' | 'iterm2';

/** Two of them fit beside each other, and none fills the screen. */
const SIDE = 480;

/** kitty takes no longer pieces. */
const PIECE_CHARACTERS = 4096;

/**
 * How this terminal takes pictures, when it says so; nothing when the output goes elsewhere, or through a multiplexer that
 * does not hand pictures on.
 */
export const pictureProtocolOf = (terminal: Terminal, env: Environment): PictureProtocol | undefined => {
  if (terminal.isTTY !== true || env['TMUX'] !== undefined || env['STY'] !== undefined) return undefined;
  const program = env['TERM_PROGRAM'];
  if (env['KITTY_WINDOW_ID'] !== undefined || env['TERM'] === 'xterm-kitty') return 'kitty';
  if (env['TERM'] === 'xterm-ghostty' || program === 'ghostty') return 'kitty';
  if (program === 'iTerm.app' || env['LC_TERMINAL'] === 'iTerm2' || program === 'WezTerm') return 'iterm2';
  return undefined;
};

/** A small copy of the picture as what this terminal draws, with a line end. */
export const drawInTerminal = async (picture: Uint8Array, protocol: PictureProtocol): Promise<string> => {
  const png = await withSharp((sharp) =>
    sharp(picture).resize(SIDE, SIDE, { fit: 'inside', withoutEnlargement: true }).png().toBuffer(),
  );
  const base64 = Buffer.from(png).toString('base64');
  return protocol === 'kitty'
    ? `${inPieces(base64)}\n`
    : `\u001B]1337;File=inline=1;size=${png.length};preserveAspectRatio=1:${base64}\u0007\n`;
};

/** kitty: transmit and show (`a=T`) a PNG (`f=100`) in pieces, all but the last with `m=1`. */
const inPieces = (base64: string): string => {
  const pieces = base64.match(new RegExp(`.{1,${PIECE_CHARACTERS}}`, 'g')) ?? [];
  return pieces
    .map((piece, index) => {
      const head = index === 0 ? 'a=T,f=100,q=2,' : '';
      return `\u001B_G${head}m=${index < pieces.length - 1 ? 1 : 0};${piece}\u001B\\`;
    })
    .join('');
};
