import { fromMicros } from '../../../core/money.ts';
import { formatSize } from '../../../core/size.ts';
import type { Image } from '../../../core/image.ts';
import type { ResponseFormat } from '../../../core/request.ts';
import type { Task, TaskError } from '../../../core/task.ts';
import type { Links } from '../../links.ts';
import type { ServerParts } from '../../server-parts.ts';
import type { ImageView, TaskView } from './schema.ts';

const toSeconds = (timeMs: number): number => Math.floor(timeMs / 1000);

/** Shows a task to its owner; links are signed now. */
export type PresentTask = (task: Task) => TaskView;

/** How tasks are shown: the images of a `b64_json` task come without their bytes, for answers that hold several tasks or events. */
export const createPresenter =
  (parts: Pick<ServerParts, 'clock' | 'urlTtlMs' | 'taskTtlMs'>, links: Links): PresentTask =>
  (task) => {
    const { request, images, error, startedAtMs, completedAtMs, adjustments, usage } = task;
    // A link never outlives the picture it leads to.
    const expiresAtMs = Math.min(
      parts.clock.nowMs() + parts.urlTtlMs,
      (completedAtMs ?? Number.POSITIVE_INFINITY) + parts.taskTtlMs,
    );
    return {
      task_id: task.id,
      status: task.status,
      created_at: toSeconds(task.createdAtMs),
      model: request.model,
      prompt: request.prompt,
      response_format: request.responseFormat,
      ...(images !== undefined && {
        images: images.map((image) => presentImage(image, request.responseFormat, links, expiresAtMs)),
      }),
      ...(error !== undefined && { error: presentError(error) }),
      n: request.n,
      size: formatSize(request.size),
      ...(startedAtMs !== undefined && { started_at: toSeconds(startedAtMs) }),
      ...(completedAtMs !== undefined && { completed_at: toSeconds(completedAtMs) }),
      ...(adjustments.length > 0 && { adjustments: [...adjustments] }),
      ...(usage !== undefined && {
        usage: {
          images: usage.images,
          cost: fromMicros(usage.costMicros),
          ...(usage.currency !== undefined && { currency: usage.currency }),
        },
      }),
      ...(request.contentChecks !== undefined && { content_checks: [...request.contentChecks] }),
      ...(request.metadata !== undefined && { metadata: request.metadata }),
    };
  };

const presentImage = (
  image: Image,
  responseFormat: ResponseFormat,
  links: Links,
  expiresAtMs: number,
): ImageView => {
  const { width, height, format } = image;
  switch (responseFormat) {
    case 'url':
      return {
        url: links.expiring(image, expiresAtMs),
        width,
        height,
        format,
        expires_at: toSeconds(expiresAtMs),
      };
    case 'oss_url':
      return { oss_url: links.permanent(image), width, height, format };
    case 'b64_json':
      return { width, height, format };
  }
};

const presentError = ({ code, message, retryable, upstream }: TaskError): NonNullable<TaskView['error']> => ({
  code,
  message,
  retryable,
  ...(upstream !== undefined && {
    upstream: {
      provider: upstream.provider,
      ...(upstream.code !== undefined && { code: upstream.code }),
      ...(upstream.requestId !== undefined && { request_id: upstream.requestId }),
    },
  }),
});
