/** The pixels of a picture. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Reads `1024x1792`; `undefined` when the text is not of that form. */
export const parseSize = (text: string): Size | undefined => {
  const match = /^([1-9]\d{0,4})x([1-9]\d{0,4})$/.exec(text);
  return match ? { width: Number(match[1]), height: Number(match[2]) } : undefined;
};

/** Writes a size as `1024x1792`. */
export const formatSize = (size: Size): string => `${size.width}x${size.height}`;

/** Whether both sizes are the same pixels. */
export const isSameSize = (one: Size, other: Size): boolean =>
  one.width === other.width && one.height === other.height;
