/** One server-sent event. */
export interface ServerEvent {
  readonly id: string | undefined;
  readonly data: string;
}

/**
 * The events of a `text/event-stream`, as far as Limner writes it: one line of data, an id, comments as signs of life.
 *
 * @param heard called whenever anything arrives.
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array> | null,
  heard: () => void,
): AsyncGenerator<ServerEvent, void, undefined> {
  if (body === null) return;
  const reader = body
    .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
    .getReader();
  let buffered = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard();
      buffered += value;
      const blocks = buffered.split('\n\n');
      buffered = blocks.pop() ?? '';
      for (const block of blocks) {
        const event = readBlock(block);
        if (event !== undefined) yield event;
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

const readBlock = (block: string): ServerEvent | undefined => {
  const fields = new Map(
    block.split('\n').flatMap((line) => {
      const [, name, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value] as const];
    }),
  );
  const data = fields.get('data');
  return data === undefined ? undefined : { id: fields.get('id'), data };
};
