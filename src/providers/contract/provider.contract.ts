/**
 * What every adapter keeps, proved over real sockets against an emulator of its vendor. A subject may skip a case
 * by its name and with a reason, and in no other way.
 */
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, describe, expect, it, vi } from 'vitest';
import type { Emulator } from '../../../upstreams/emulator.ts';
import type { FaultRule } from '../../../upstreams/faults.ts';
import type { LoggedRequest } from '../../../upstreams/request-log.ts';
import type { CallRequest, Output } from '../../core/call.ts';
import type { JsonValue } from '../../core/json.ts';
import { seedSizes } from '../../core/model-card.ts';
import type { ModelCard } from '../../core/model-card.ts';
import { isNative } from '../../core/native-size.ts';
import { planCalls } from '../../core/plan.ts';
import type { GenerationRequest } from '../../core/request.ts';
import { createSpool } from '../../images/spool.ts';
import { AnswerLost, NotSent, ProviderError } from '../provider.ts';
import type {
  Accepted,
  Adapter,
  AdapterContext,
  Produced,
  Progress,
  ReferencePicture,
  UpstreamClient,
} from '../provider.ts';
import { createUpstreamClient, createUpstreamDispatcher } from '../upstream-client.ts';
import { requestOf } from './samples.ts';

/** The cases, by the names under which a subject skips them. */
export const caseNames = [
  'sends exactly the documented request',
  'sends or reports every parameter',
  'keeps a seed of 0',
  'makes the pictures that were asked for',
  'spools a picture that comes inside the answer',
  'takes a reference picture',
  'goes on from its handle after JSON and in a fresh adapter',
  'takes an unknown upstream status for running',
  'calls a refusal for content a content_policy_violation',
  'waits as long as a 429 asks',
  'takes no empty success for a picture',
  'delivers what there is of a call that made fewer pictures',
  'may try again after a 500 in the words of the vendor',
  'loses the answer of a gateway, a cut line or an empty body',
  'says that a closed port was not reached',
  'stops promptly when it is aborted',
  'never shows a credential',
  'never follows to another origin',
  'makes a call once for one call id',
] as const;

export type CaseName = (typeof caseNames)[number];

/** A vendor's emulator and how to reach it. */
export type SubjectUpstream = Emulator & { readonly baseUrl: string };

/** One request of the vendor's documentation: what is asked, and what must leave. */
export interface ExpectedExchange {
  readonly name: string;
  readonly model: string;
  readonly request?: Partial<GenerationRequest>;
  readonly reference?: ReferencePicture;
  /** Headers without `host`, `content-length`, `connection` and `accept…`, secrets as the emulator logs them. */
  readonly sent: Pick<LoggedRequest, 'method' | 'path' | 'headers' | 'body'>;
}

/** An adapter on trial. */
export interface ProviderSubject {
  /** A fresh one, as after a restart. */
  createAdapter(): Adapter;
  /** As the adapter's schema parses them. */
  readonly settings: unknown;
  /** The texts within the settings that nobody may see. */
  readonly secrets: readonly string[];
  /** Absent for an adapter without an upstream. */
  readonly upstream?: {
    /** Every model of `models` works on it. */
    start(): Promise<SubjectUpstream>;
    /** How this vendor is made to refuse for content. */
    readonly refusal: FaultRule;
    /** How it is made to answer 429 with `Retry-After: 7`. */
    readonly rateLimit: FaultRule;
    /** How it is made to report a success without a picture. */
    readonly empty: FaultRule;
    /** How it is made to make fewer pictures than a call asks for. */
    readonly fewer?: FaultRule;
    /** How it is made to fail by its own fault. */
    readonly failure: FaultRule;
    /** How it is made to send a picture inside its answer. */
    readonly inline?: FaultRule;
    /** How it is made to name a status that no sheet knows. */
    readonly unknownStatus?: FaultRule;
  };
  /** Upstream models that between them know every parameter the adapter can send; the first is the usual one. */
  readonly models: readonly string[];
  readonly exchanges: readonly ExpectedExchange[];
  readonly skips: Partial<Readonly<Record<CaseName, string>>>;
}

/** What leaves the process only because HTTP is spoken. */
const transportHeaders = [
  'host',
  'content-length',
  'connection',
  'accept',
  'accept-encoding',
  'transfer-encoding',
];

const callId = 'call_01jdzx8w4r0000000000000000';

const plain = requestOf({ prompt: 'A lighthouse at dusk' });

/** Values that turn up nowhere else by chance. */
const rich: GenerationRequest = {
  ...plain,
  n: 2,
  outputFormat: 'png',
  watermark: true,
  negativePrompt: 'no-seagulls-please',
  seed: 424_242,
  guidanceScale: 7.25,
  quality: 'quality-word',
  style: 'style-word',
};

/** Runs the suite. */
export const describeProvider = (name: string, subject: ProviderSubject): void => {
  const prove = (caseName: CaseName, run: () => Promise<void>): void => {
    const reason = subject.skips[caseName];
    it(`${caseName}`, async ({ skip }) => {
      skip(reason !== undefined, reason);
      expect.hasAssertions();
      await run();
    });
  };
  // The parts that the program itself uses; opened by the suite, closed after it.
  const dispatcher = createUpstreamDispatcher();
  const folder = mkdtempSync(join(tmpdir(), 'limner-provider-'));
  const opening = createSpool({ folder });
  const usualModel = subject.models[0] ?? '';

  const planFor = (request: Partial<GenerationRequest>, model: string, hasReference = false) =>
    planCalls({ request: { ...plain, ...request }, card: subject.createAdapter().card(model), hasReference });

  const onlyCall = (
    request: Partial<GenerationRequest>,
    model: string,
    hasReference = false,
  ): CallRequest => {
    const [call] = planFor(request, model, hasReference).calls;
    if (!call) throw new Error('the plan has no call');
    return call;
  };

  /** A context such as the engine builds. */
  const contextFor = async (
    baseUrl: string | undefined,
    options: {
      readonly signal?: AbortSignal;
      readonly reference?: ReferencePicture;
      readonly nowMs?: number;
    } = {},
  ) => {
    const spool = await opening;
    const signal = options.signal ?? new AbortController().signal;
    const http: UpstreamClient =
      baseUrl === undefined
        ? { baseUrl: '', exchange: () => Promise.reject(new Error('this adapter has no upstream')) }
        : createUpstreamClient({ baseUrl, dispatcher, sink: spool }).forCall({ callId, signal });
    const context: AdapterContext<never> = {
      settings: subject.settings as never,
      http,
      callId,
      ...(options.reference && { reference: options.reference }),
      keep: async (picture) => {
        await spool.writeAll(callId, picture);
        return { at: 'spool', name: callId };
      },
      nowMs: options.nowMs ?? Date.now(),
      signal,
    };
    return context;
  };

  const upstreamOf = (): NonNullable<ProviderSubject['upstream']> => {
    if (!subject.upstream) throw new Error('this case needs an upstream: give one or skip the case');
    return subject.upstream;
  };

  /** Asks until the call ends; the adapter's own hints say when, on a clock that does not wait. */
  const settle = async (
    answer: Accepted<JsonValue> | Produced,
    baseUrl: string | undefined,
    reference?: ReferencePicture,
  ): Promise<Exclude<Progress, { state: 'running' }>> => {
    if (answer.state === 'produced') return answer;
    const handle = JSON.parse(JSON.stringify(answer.handle)) as JsonValue;
    let nowMs = Date.now() + answer.checkAfterMs;
    for (let asked = 0; asked < 100; asked += 1) {
      const adapter = subject.createAdapter();
      if (!adapter.check) throw new Error('the adapter accepts calls and cannot check them');
      const context = await contextFor(baseUrl, { nowMs, ...(reference && { reference }) });
      const progress = await adapter.check(handle, context);
      if (progress.state !== 'running') return progress;
      nowMs += progress.checkAfterMs;
    }
    throw new Error('the call did not end');
  };

  /** Everything that a send may end with, its rejection as a value. */
  const sendWith = async (
    request: CallRequest,
    baseUrl: string | undefined,
    options: Parameters<typeof contextFor>[1] = {},
  ): Promise<unknown> => {
    const context = await contextFor(baseUrl, options);
    return subject
      .createAdapter()
      .send(request, context)
      .catch((error: unknown) => error);
  };

  /** How a call ends that meets this fault, in the words of a failure. */
  const failureUnder = async (rule: FaultRule) => {
    await using upstream = await upstreamOf().start();
    upstream.faults.set([{ ...rule, match: rule.match ?? '*', times: 'always' }]);
    const ending = await sendWith(onlyCall({}, usualModel), upstream.baseUrl);
    if (ending instanceof ProviderError) return ending.failure;
    if (ending instanceof Error) throw ending;
    const settled = await settle(ending as Accepted<JsonValue> | Produced, upstream.baseUrl);
    if (settled.state !== 'failed') throw new Error(`the call ended ${settled.state}`);
    return settled.failure;
  };

  describe(`the adapter ${name}`, () => {
    afterAll(async () => {
      await dispatcher.close();
      await rm(folder, { recursive: true });
    });

    it('is described for the configuration and the engine', () => {
      const adapter = subject.createAdapter();
      expect(adapter.name).toMatch(/^[a-z][a-z0-9-]*$/);
      expect(adapter.settingsSchema).toBeTypeOf('object');
      expect(adapter.defaultBaseUrl ?? 'https://').toMatch(/^https:\/\//);
      expect(adapter.find !== undefined).toBe(adapter.resend === 'lookup');
    });

    it('has a sound card for every model, and one for any other id', () => {
      const adapter = subject.createAdapter();
      for (const card of adapter.cards) {
        expect(adapter.card(card.upstreamModel)).toEqual(card);
        expectSoundCard(card);
      }
      const other = adapter.card('an-id-that-nobody-knows');
      expect(other.upstreamModel).toBe('an-id-that-nobody-knows');
      expectSoundCard(other);
    });

    prove('sends exactly the documented request', async () => {
      for (const { name: title, model, request, reference, sent } of subject.exchanges) {
        await using upstream = await upstreamOf().start();
        const call = onlyCall(request ?? {}, model, reference !== undefined);
        expectSent(await sendWith(call, upstream.baseUrl, reference ? { reference } : {}));
        expect({ title, sent: upstream.requests.all.map(withoutTransport) }).toEqual({ title, sent: [sent] });
      }
    });

    prove('sends or reports every parameter', async () => {
      for (const model of subject.models) {
        const { calls, adjustments } = planFor(rich, model);
        const left = new Set(adjustments.map(({ parameter }) => parameter));
        await using upstream = await upstreamOf().start();
        for (const call of calls) await sendWith(call, upstream.baseUrl);
        const sent = JSON.stringify(upstream.requests.all.map(({ path, body }) => ({ path, body })));
        const values = {
          prompt: rich.prompt,
          negative_prompt: rich.negativePrompt,
          seed: rich.seed,
          guidance_scale: rich.guidanceScale,
          quality: rich.quality,
          style: rich.style,
        };
        for (const [parameter, value] of Object.entries(values)) {
          expect(`${model} ${parameter} ${sent.includes(String(value)) ? 'sent' : 'left out'}`).toBe(
            `${model} ${parameter} ${left.has(parameter) ? 'left out' : 'sent'}`,
          );
        }
      }
    });

    prove('keeps a seed of 0', async () => {
      const model = subject.models.find((id) => subject.createAdapter().card(id).seed);
      if (model === undefined) throw new Error('no model has a seed: skip the case');
      await using upstream = await upstreamOf().start();
      expectSent(await sendWith(onlyCall({ seed: 0 }, model), upstream.baseUrl));
      expect(JSON.stringify(upstream.requests.all.map(({ body }) => body))).toMatch(/"seed":"?0\b/);
    });

    prove('makes the pictures that were asked for', async () => {
      await using upstream = await subject.upstream?.start();
      const outputs: Output[] = [];
      for (const call of planFor({ n: 3 }, usualModel).calls) {
        const context = await contextFor(upstream?.baseUrl);
        const settled = await settle(await subject.createAdapter().send(call, context), upstream?.baseUrl);
        if (settled.state === 'failed') throw new ProviderError(settled.failure);
        expect(settled.outputs).toHaveLength(call.images);
        outputs.push(...settled.outputs);
      }
      expect(outputs).toHaveLength(3);
      for (const output of outputs) {
        const isThere = output.at === 'link' ? URL.canParse(output.url) : (await opening).exists(output.name);
        expect(await isThere).toBe(true);
      }
      expect(upstream?.ledger.images ?? outputs.length).toBe(3);
    });

    prove('spools a picture that comes inside the answer', async () => {
      const { inline } = upstreamOf();
      if (!inline) throw new Error('the subject names no fault for it: skip the case');
      await using upstream = await upstreamOf().start();
      upstream.faults.set([{ ...inline, match: inline.match ?? '*', times: 'always' }]);
      const answer = await sendWith(onlyCall({}, usualModel), upstream.baseUrl);
      expectSent(answer);
      const settled = await settle(answer as Accepted<JsonValue> | Produced, upstream.baseUrl);
      const [output] = settled.state === 'produced' ? settled.outputs : [];
      if (output?.at !== 'spool') throw new Error(`the picture was not spooled: ${inspect(settled)}`);
      expect(await (await opening).exists(output.name)).toBe(true);
    });

    prove('takes a reference picture', async () => {
      await using upstream = await subject.upstream?.start();
      const model = subject.models.find((id) => subject.createAdapter().card(id).reference);
      if (model === undefined) throw new Error('no model takes a reference: skip the case');
      const context = await contextFor(upstream?.baseUrl, { reference: referencePicture });
      const answer = await subject.createAdapter().send(onlyCall({}, model, true), context);
      expect((await settle(answer, upstream?.baseUrl, referencePicture)).state).toBe('produced');
    });

    prove('goes on from its handle after JSON and in a fresh adapter', async () => {
      await using upstream = await subject.upstream?.start();
      const prompt = subject.upstream ? plain.prompt : '[sandbox:delay=2s] A lighthouse';
      const context = await contextFor(upstream?.baseUrl);
      const answer = await subject.createAdapter().send(onlyCall({ prompt }, usualModel), context);
      if (answer.state !== 'accepted') throw new Error('the adapter answers at once: skip the case');
      expect(JSON.parse(JSON.stringify(answer.handle))).toEqual(answer.handle);
      expect((await settle(answer, upstream?.baseUrl)).state).toBe('produced');
    });

    prove('takes an unknown upstream status for running', async () => {
      const { unknownStatus } = upstreamOf();
      if (!unknownStatus) throw new Error('the subject names no fault for it: skip the case');
      await using upstream = await upstreamOf().start();
      const adapter = subject.createAdapter();
      const answer = await adapter.send(onlyCall({}, usualModel), await contextFor(upstream.baseUrl));
      if (answer.state !== 'accepted') throw new Error('the adapter answers at once: skip the case');
      upstream.faults.set([{ ...unknownStatus, match: unknownStatus.match ?? '*' }]);
      const progress = await adapter.check?.(answer.handle, await contextFor(upstream.baseUrl));
      expect(progress).toMatchObject({ state: 'running', warning: expect.any(String) });
    });

    prove('calls a refusal for content a content_policy_violation', async () => {
      expect(await failureUnder(upstreamOf().refusal)).toMatchObject({
        code: 'content_policy_violation',
        charged: 'no',
        upstream: { code: expect.any(String) },
      });
    });

    prove('waits as long as a 429 asks', async () => {
      const limited = { code: 'provider_rate_limited', charged: 'no', retryable: true };
      const { rateLimit } = upstreamOf();
      expect(await failureUnder(rateLimit)).toMatchObject({ ...limited, retryAfterMs: 7000 });
      const dated = await failureUnder({ ...rateLimit, retryAfterAs: 'date' });
      expect(dated).toMatchObject(limited);
      // Dates are told in whole seconds, and a slow machine takes one to read them.
      expect(dated.retryAfterMs).toBeGreaterThan(5000);
      expect(dated.retryAfterMs).toBeLessThanOrEqual(8000);
    });

    prove('takes no empty success for a picture', async () => {
      await using upstream = await upstreamOf().start();
      upstream.faults.set([{ ...upstreamOf().empty, times: 'always' }]);
      const ending = await sendWith(onlyCall({}, usualModel), upstream.baseUrl);
      if (ending instanceof Error && !(ending instanceof AnswerLost || ending instanceof ProviderError))
        throw ending;
      const settled =
        ending instanceof Error
          ? ending
          : await settle(ending as Accepted<JsonValue> | Produced, upstream.baseUrl);
      // An upstream that does not say whether it charged for nothing has lost its answer.
      const code = settled instanceof AnswerLost ? 'lost' : 'failure' in settled && settled.failure.code;
      expect(['lost', 'provider_bad_response']).toContain(code);
    });

    prove('delivers what there is of a call that made fewer pictures', async () => {
      const { fewer } = upstreamOf();
      if (!fewer) throw new Error('the subject names no fault for it: skip the case');
      await using upstream = await upstreamOf().start();
      upstream.faults.set([{ ...fewer, times: 'always' }]);
      const call = onlyCall({ n: 4 }, usualModel);
      const answer = await sendWith(call, upstream.baseUrl);
      expectSent(answer);
      const settled = await settle(answer as Accepted<JsonValue> | Produced, upstream.baseUrl);
      const outputs = settled.state === 'produced' ? settled.outputs.length : 0;
      expect([call.images, outputs]).toEqual([4, upstream.ledger.images]);
      expect(outputs).toBeGreaterThan(0);
      expect(outputs).toBeLessThan(4);
    });

    prove('may try again after a 500 in the words of the vendor', async () => {
      expect(await failureUnder(upstreamOf().failure)).toMatchObject({
        code: 'provider_unavailable',
        charged: 'no',
        retryable: true,
      });
    });

    prove('loses the answer of a gateway, a cut line or an empty body', async () => {
      const endings: unknown[] = [];
      const faults = [
        'html_502',
        'html_503',
        'html_504',
        'empty_200',
        'truncated_json',
        'drop_before',
        'drop_after',
        'charge_then_502',
      ];
      for (const fault of faults) {
        await using upstream = await upstreamOf().start();
        upstream.faults.set([{ fault, match: '*' }]);
        const ending = await sendWith(onlyCall({}, usualModel), upstream.baseUrl);
        endings.push([fault, ending instanceof AnswerLost ? 'AnswerLost' : inspect(ending)]);
      }
      expect(endings).toEqual(faults.map((fault) => [fault, 'AnswerLost']));
    });

    prove('says that a closed port was not reached', async () => {
      const upstream = await upstreamOf().start();
      await upstream.close();
      expect(await sendWith(onlyCall({}, usualModel), upstream.baseUrl)).toBeInstanceOf(NotSent);
    });

    prove('stops promptly when it is aborted', async () => {
      await using upstream = await upstreamOf().start();
      upstream.faults.set([{ fault: 'hang', match: '*' }]);
      const stop = new AbortController();
      const ending = sendWith(onlyCall({}, usualModel), upstream.baseUrl, { signal: stop.signal });
      await vi.waitFor(() => expect(upstream.requests.all).toHaveLength(1), { interval: 5 });
      stop.abort(new Error('stopped'));
      expect(await ending).toBeInstanceOf(Error);
    });

    prove('never shows a credential', async () => {
      const shown: unknown[] = [];
      for (const status of [400, 401, 403, 404, 429, 500, 503]) {
        await using upstream = await upstreamOf().start();
        // A vendor that repeats what it was sent.
        const message = `The parameter \`size\` is wrong: ${subject.secrets.join(' and ')}.`;
        upstream.faults.set([{ fault: 'error', match: '*', status, code: 'InvalidParameter', message }]);
        shown.push(await sendWith(onlyCall({}, usualModel), upstream.baseUrl));
      }
      for (const fault of ['html_502', 'truncated_json', 'drop_before']) {
        await using upstream = await upstreamOf().start();
        upstream.faults.set([{ fault, match: '*' }]);
        shown.push(await sendWith(onlyCall({}, usualModel), upstream.baseUrl));
      }
      expect(shown.every((ending) => ending instanceof Error)).toBe(true);
      const text =
        inspect([shown, subject.settings], { depth: 20 }) + JSON.stringify([shown, subject.settings]);
      expect(subject.secrets.length).toBeGreaterThan(0);
      for (const secret of subject.secrets) expect(text).not.toContain(secret);
    });

    prove('never follows to another origin', async () => {
      await using upstream = await upstreamOf().start();
      const gate = createServer((request, response) => {
        request.resume();
        response.writeHead(307, { location: `${upstream.baseUrl}${request.url}` }).end();
      }).listen(0, '127.0.0.1');
      await once(gate, 'listening');
      try {
        const { port } = gate.address() as AddressInfo;
        const ending = await sendWith(onlyCall({}, usualModel), `http://127.0.0.1:${port}/base`);
        expect(ending).toBeInstanceOf(Error);
        expect(upstream.requests.all).toEqual([]);
      } finally {
        gate.closeAllConnections();
        gate.close();
      }
    });

    prove('makes a call once for one call id', async () => {
      await using upstream = await upstreamOf().start();
      const call = onlyCall({}, usualModel);
      const adapter = subject.createAdapter();
      await adapter.send(call, await contextFor(upstream.baseUrl));
      const context = await contextFor(upstream.baseUrl);
      if (adapter.find) expect(await adapter.find(context)).toMatchObject({ state: 'accepted' });
      else await adapter.send(call, context);
      expect(upstream.ledger.charges).toHaveLength(1);
    });
  });
};

/** A JPEG that no vendor finds too small, as the engine hands a reference over. */
const referencePicture: ReferencePicture = {
  format: 'jpeg',
  width: 512,
  height: 512,
  bytes: async () => {
    const { default: sharp } = await import('sharp');
    return sharp({ create: { width: 512, height: 512, channels: 3, background: '#4682b4' } })
      .jpeg()
      .toBuffer();
  },
};

const expectSoundCard = (card: ModelCard): void => {
  expect(card.formats.length).toBeGreaterThan(0);
  expect(card.maxImagesPerCall).toBeGreaterThan(0);
  expect(card.retiresAt === undefined || !Number.isNaN(Date.parse(card.retiresAt))).toBe(true);
  for (const size of seedSizes) {
    const { calls } = planCalls({ request: { ...plain, size, n: 4 }, card, hasReference: false });
    expect(calls.reduce((sum, call) => sum + call.images, 0)).toBe(4);
    for (const call of calls) expect(isNative(card.sizes, call.size)).toBe(true);
  }
};

/** Throws what a send ended with, so that a failing case shows why. */
const expectSent = (ending: unknown): void => {
  if (ending instanceof Error) throw ending;
};

const withoutTransport = ({ method, path, headers, body }: LoggedRequest) => ({
  method,
  path,
  headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !transportHeaders.includes(name))),
  body,
});
