/** What Prometheus may know of this process. `docs/operations.md` lists every name. */
import type { Meter } from './meter.ts';
import { collectProcessMetrics, Counter, Gauge, Histogram, Registry } from './prometheus.ts';

/** Takes note of what happens, and tells it. */
export interface Metrics {
  readonly meter: Meter;
  /** Asks for these whenever somebody looks. */
  watch(readings: Readings): void;
  /** Everything in Prometheus' text format. */
  read(): Promise<{ readonly contentType: string; readonly text: string }>;
}

/** What is not counted but looked up. */
export interface Readings {
  /** Tasks that have not begun; in a fleet those of all nodes. */
  readonly waitingTasks: () => number;
  readonly providers: () => readonly { readonly name: string; readonly state: ProviderStateName }[];
  /** Places for calls at each upstream model that had one. */
  readonly gates: () => readonly GateReading[];
  /** Pictures on this disk that are not in the image store yet. */
  readonly unstoredPictures: () => number;
}

type ProviderStateName = (typeof providerStates)[number];

const providerStates = ['ok', 'unavailable', 'refused'] as const;

/** Places for calls to one upstream model of a provider. */
export interface GateReading {
  readonly provider: string;
  readonly model: string;
  readonly taken: number;
  /** This process's part of them. */
  readonly places: number;
}

const requestBuckets = [0.005, 0.025, 0.1, 0.5, 1, 5, 30, 120];
const callBuckets = [1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640];
const writeBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10];

/** Empty metrics for one process. */
export const createMetrics = (): Metrics => {
  const registry = new Registry();
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Counter({ name, help, labelNames, registers });
  const seconds = <Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    buckets: number[],
  ) => new Histogram({ name, help, labelNames, buckets, registers });
  const gauge = <Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    look: (set: (labels: Record<Label, string>, value: number) => void) => void,
  ) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        look((labels, value) => this.set(labels, value));
      },
    });

  const requests = seconds(
    'limner_http_request_duration_seconds',
    'Time from the first byte of a request to the last of its answer, waiting for tasks included.',
    ['method', 'route', 'status'],
    requestBuckets,
  );
  const accepted = counter('limner_tasks_accepted_total', 'Tasks accepted.', ['model']);
  const ended = counter('limner_tasks_ended_total', 'Tasks ended: completed, or the code of the error.', [
    'model',
    'outcome',
  ]);
  const calls = counter('limner_calls_ended_total', 'Calls ended: stored, or the code of the failure.', [
    'provider',
    'upstream_model',
    'outcome',
  ]);
  const answers = seconds(
    'limner_call_duration_seconds',
    'Time from a call being sent to its pictures being made.',
    ['provider', 'upstream_model'],
    callBuckets,
  );
  const images = counter('limner_images_stored_total', 'Pictures stored.');
  const imageBytes = counter('limner_image_bytes_stored_total', 'Bytes of the pictures stored.');
  const webhooks = counter('limner_webhook_attempts_total', 'Webhooks tried, by what came of it.', [
    'outcome',
  ]);
  const writes = seconds(
    'limner_database_write_duration_seconds',
    'Time of a durable write, from being asked for to being on disk.',
    ['operation'],
    writeBuckets,
  );

  let isWatchingProcess = false;

  return {
    meter: {
      answered: ({ method, route, status, ms }) =>
        requests.observe({ method, route, status: `${Math.floor(status / 100)}xx` }, ms / 1000),
      taskAccepted: (model) => accepted.inc({ model }),
      taskEnded: (model, outcome) => ended.inc({ model, outcome }),
      callAnswered: ({ provider, model }, ms) =>
        answers.observe({ provider, upstream_model: model }, ms / 1000),
      callEnded: ({ provider, model }, outcome) => calls.inc({ provider, upstream_model: model, outcome }),
      imageStored: (bytes) => {
        images.inc();
        imageBytes.inc(bytes);
      },
      webhookTried: (outcome) => webhooks.inc({ outcome }),
      written: (operation, ms) => writes.observe({ operation }, ms / 1000),
    },

    watch: ({ waitingTasks, providers, gates, unstoredPictures }) => {
      gauge('limner_tasks_waiting', 'Tasks that have not begun; in a fleet those of all nodes.', [], (set) =>
        set({}, waitingTasks()),
      );
      gauge(
        'limner_provider_state',
        '1 for the state that a provider is in.',
        ['provider', 'state'],
        (set) => {
          for (const { name, state } of providers()) {
            for (const one of providerStates) set({ provider: name, state: one }, one === state ? 1 : 0);
          }
        },
      );
      gauge(
        'limner_gate_places',
        'Calls that this process may have at once at an upstream model.',
        ['provider', 'upstream_model'],
        (set) => {
          for (const { provider, model, places } of gates()) set({ provider, upstream_model: model }, places);
        },
      );
      gauge(
        'limner_gate_places_taken',
        'Calls that this process has there.',
        ['provider', 'upstream_model'],
        (set) => {
          for (const { provider, model, taken } of gates()) set({ provider, upstream_model: model }, taken);
        },
      );
      gauge(
        'limner_pictures_unstored',
        'Pictures on this disk that are not in the image store yet.',
        [],
        (set) => set({}, unstoredPictures()),
      );
    },

    read: async () => {
      if (!isWatchingProcess) collectProcessMetrics(registry);
      isWatchingProcess = true;
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
  };
};
