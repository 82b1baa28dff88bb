import type { TaskView } from '../routes/generations/schema.ts';
import type { PicturesView } from './schema.ts';
import type { Endpoint } from './read-order.ts';

/** OpenAI's shape of a completed task. Pictures that are handed out as bytes have an empty `b64_json`. */
export const presentPictures = (task: TaskView): PicturesView => ({
  created: createdAt(task),
  data: (task.images ?? []).map(({ url }) => (url === undefined ? { b64_json: '' } : { url })),
  size: task.size,
  ...(task.images?.[0] !== undefined && { output_format: task.images[0].format }),
  ...(task.adjustments !== undefined && { adjustments: task.adjustments }),
});

/** The events of a completed task, one for each picture, with an empty `b64_json`. */
export const presentEvents = (endpoint: Endpoint, task: TaskView, quality: string | undefined): string =>
  (task.images ?? [])
    .map(({ width, height, format }) => {
      const type = `${endpoint === 'edits' ? 'image_edit' : 'image_generation'}.completed`;
      const data = {
        type,
        b64_json: '',
        created_at: createdAt(task),
        size: `${width}x${height}`,
        quality: quality ?? 'auto',
        background: 'auto',
        output_format: format,
        usage: noTokens,
        ...(task.adjustments !== undefined && { adjustments: task.adjustments }),
      };
      return `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
    })
    .join('');

const createdAt = (task: TaskView): number => task.completed_at ?? task.created_at;

/** OpenAI's types demand a count of tokens in an event; Limner counts pictures. */
const noTokens = {
  input_tokens: 0,
  output_tokens: 0,
  total_tokens: 0,
  input_tokens_details: { text_tokens: 0, image_tokens: 0 },
} as const;
