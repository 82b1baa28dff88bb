import Type, { type TString, type TStringOptions } from 'typebox';

/** Whether the text can be stored, sent and shown: whole characters, and no NUL, which databases refuse. */
export const isSoundText = (text: string): boolean => text.isWellFormed() && !text.includes('\0');

/** A text that people write, measured in characters (code points). */
export const Text = (maxCharacters: number, options: TStringOptions = {}): TString =>
  Type.Refine(
    Type.String({ ...options, maxLength: maxCharacters }),
    isSoundText,
    () => `a text of at most ${maxCharacters} characters, without NUL or halves of characters`,
  );
