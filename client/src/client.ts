import { type ConnectionSettings, createConnection } from './connection.ts';
import { TaskFailed } from './errors.ts';
import { followTask, isEnded, taskPath } from './follow.ts';
import type { GenerationRequest, Model, ModelList, Task, TaskImage, TaskList } from './schemas.ts';

/** What any request may be given. */
export interface RequestOptions {
  /** Gives up on the answer; a task goes on at the server. */
  readonly signal?: AbortSignal;
}

/** What a request for pictures may be given. */
export interface CreateOptions extends RequestOptions {
  /** Your own name for the request: sent again within 24 hours it gives the same task. Drawn at random unless told. */
  readonly idempotencyKey?: string;
}

/** What asking for pictures and waiting for them may be given. */
export interface GenerateOptions extends CreateOptions {
  /** Called with the task in each state that it goes through. */
  readonly onProgress?: (task: Task) => void;
}

/** Which tasks to list. */
export interface TaskFilter {
  /** At most 100; 20 unless told. */
  readonly limit?: number;
  /** The `last_id` of the page before. */
  readonly after?: string;
  readonly status?: Task['status'];
  readonly model?: string;
  /** In Unix seconds, inclusive. */
  readonly created_after?: number;
  /** In Unix seconds, exclusive. */
  readonly created_before?: number;
}

/** A task that ended with pictures. */
export type CompletedTask = Task & { readonly images: readonly TaskImage[] };

/** Limner's tasks. Every method throws `LimnerError`. */
export interface Tasks {
  /** Accepts a task and returns at once; once it returns, the task survives a crash of the server. */
  create(request: GenerationRequest, options?: CreateOptions): Promise<Task>;
  get(taskId: string, options?: RequestOptions): Promise<Task>;
  list(filter?: TaskFilter, options?: RequestOptions): Promise<TaskList>;
  /** Every task that fits, newest first, page after page. */
  all(filter?: TaskFilter, options?: RequestOptions): AsyncGenerator<Task, void, undefined>;
  /** Stops what can be stopped; the task ends `failed` with the code `cancelled`. */
  cancel(taskId: string, options?: RequestOptions): Promise<Task>;
  /** Removes the task and its pictures for good. */
  delete(taskId: string, options?: RequestOptions): Promise<void>;
  /** The task in each state that it goes through, without base64, to the end, however often the connection breaks. */
  follow(taskId: string, options?: RequestOptions): AsyncGenerator<Task, void, undefined>;
  /** The task once it has ended, `completed` or `failed`. */
  wait(taskId: string, options?: RequestOptions & Pick<GenerateOptions, 'onProgress'>): Promise<Task>;
}

/** Limner behind its HTTP interface. */
export interface Limner {
  /**
   * Asks for pictures and waits for them, through lost connections and restarts of the server, without paying twice.
   * Throws `TaskFailed` when the task fails, `LimnerError` when the request is refused or nothing is heard for too long.
   */
  generate(request: GenerationRequest, options?: GenerateOptions): Promise<CompletedTask>;
  /** The bytes of a picture, by its link or from its base64. Read the task anew when a link has expired (`image_expired`). */
  download(image: TaskImage, options?: RequestOptions): Promise<Uint8Array<ArrayBuffer>>;
  readonly tasks: Tasks;
  readonly models: {
    list(options?: RequestOptions): Promise<readonly Model[]>;
    get(model: string, options?: RequestOptions): Promise<Model>;
  };
}

const TASKS = '/v1/images/generations';

/** A client of the Limner at this address. */
export const createLimner = (settings: ConnectionSettings): Limner => {
  const connection = createConnection(settings);
  const read = <Answer>(path: string, { signal }: RequestOptions = {}): Promise<Answer> =>
    connection.ask(path, { signal, isRepeatable: true });

  const tasks: Tasks = {
    create: (request, { signal, idempotencyKey = randomKey() } = {}) =>
      connection.ask(TASKS, {
        method: 'POST',
        headers: { 'idempotency-key': idempotencyKey },
        body: request,
        signal,
        isRepeatable: true,
      }),
    get: (taskId, options) => read(taskPath(taskId), options),
    list: (filter = {}, options) => {
      const query = new URLSearchParams(
        Object.entries(filter).map(([name, value]): [string, string] => [name, String(value)]),
      );
      return read(`${TASKS}?${query.toString()}`, options);
    },
    async *all(filter = {}, options) {
      for (let after = filter.after; ;) {
        const page = await tasks.list({ ...filter, ...(after !== undefined && { after }) }, options);
        yield* page.data;
        if (!page.has_more || page.last_id === undefined) return;
        after = page.last_id;
      }
    },
    cancel: (taskId, { signal } = {}) =>
      connection.ask(`${taskPath(taskId)}/cancel`, { method: 'POST', signal, isRepeatable: false }),
    delete: (taskId, { signal } = {}) =>
      connection.ask(
        taskPath(taskId),
        { method: 'DELETE', signal, isRepeatable: false },
        async () => undefined,
      ),
    follow: (taskId, { signal } = {}) => followTask(connection, taskId, signal),
    wait: async (taskId, { signal, onProgress } = {}) => {
      for await (const task of followTask(connection, taskId, signal)) {
        onProgress?.(task);
        if (!isEnded(task)) continue;
        // Events come without base64.
        return task.status === 'completed' && task.response_format === 'b64_json'
          ? tasks.get(taskId, { ...(signal && { signal }) })
          : task;
      }
      return tasks.get(taskId, { ...(signal && { signal }) });
    },
  };

  return {
    generate: async (request, options = {}) => {
      const { task_id: taskId } = await tasks.create(request, options);
      const task = await tasks.wait(taskId, options);
      if (task.status !== 'completed' || task.images === undefined) throw new TaskFailed(task);
      return { ...task, images: task.images };
    },
    download: async ({ b64_json, url, oss_url }, { signal } = {}) => {
      if (b64_json !== undefined) return decodeBase64(b64_json);
      const link = url ?? oss_url;
      if (link === undefined) throw new TypeError('The picture has no link and no bytes: read its task.');
      return connection.fetchBytes(link, signal);
    },
    tasks,
    models: {
      list: async (options) => (await read<ModelList>('/v1/models', options)).data,
      get: (model, options) => read(`/v1/models/${encodeURIComponent(model)}`, options),
    },
  };
};

/** By `getRandomValues`, which pages have that were not loaded over TLS, unlike `randomUUID`. */
const randomKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join(
    '',
  );

const decodeBase64 = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
