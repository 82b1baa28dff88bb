import { emptyReply, gatewayPage } from './reply.ts';
import type { Reply } from './reply.ts';

/** Something that goes wrong with one request. `fault` names it; the rest refines it. */
export type Fault = {
  readonly fault: string;
  /** For `error`: the HTTP status. */
  readonly status?: number;
  /** For `error` and wherever a vendor code is told: that code. */
  readonly code?: string;
  readonly message?: string;
  readonly type?: string;
  /** Wait this long first; `slow` and `link_slow` wait 5 s unless told. */
  readonly delayMs?: number;
  /** Adds a `Retry-After` header (seconds) to an error. */
  readonly retryAfter?: number;
  /** Tells `Retry-After` as a date instead (RFC 9110, section 10.2.3). */
  readonly retryAfterAs?: 'date';
};

/** A scripted fault: which operation it meets and how often. */
export type FaultRule = Fault & {
  /** An operation of the emulator (`generate`, `models`, `file` …) or `*`. Default `generate`. */
  readonly match?: string;
  /** How many requests it meets, default 1; `always` stands until the script is replaced. */
  readonly times?: number | 'always';
};

/** The faults every emulator knows: what happens between client and vendor, whoever the vendor is. */
export const TRANSPORT_FAULTS = [
  'slow',
  'hang',
  'drop_before',
  'drop_after',
  'truncated_json',
  'html_502',
  'html_503',
  'html_504',
  'empty_200',
  'charge_then_502',
] as const;

const DEFAULT_DELAY_MS = 5000;

/** Thrown by `FaultScript.set`, with every problem of the script. */
export class FaultScriptError extends Error {}

/** The faults to come, in order: a request takes the first rule that matches its operation. */
export class FaultScript {
  readonly #names: ReadonlySet<string>;
  readonly #operations: ReadonlySet<string>;
  #rules: { rule: FaultRule; left: number }[] = [];

  constructor(names: Iterable<string>, operations: Iterable<string>) {
    this.#names = new Set([...TRANSPORT_FAULTS, 'error', ...names]);
    this.#operations = new Set([...operations, '*']);
  }

  /** Every fault name that `set` accepts. */
  get names(): readonly string[] {
    return [...this.#names];
  }

  /** What is still to come; `times` is what remains. */
  get rules(): readonly FaultRule[] {
    return this.#rules.map(({ rule, left }) => (rule.times === 'always' ? rule : { ...rule, times: left }));
  }

  /** Replaces the script. Throws `FaultScriptError` for anything but a list of known faults. */
  set(rules: unknown): void {
    if (!Array.isArray(rules)) throw new FaultScriptError('a fault script is a list');
    const problems = rules.flatMap((rule: unknown, at) =>
      this.#problems(rule).map((text) => `[${at}] ${text}`),
    );
    if (problems.length > 0) throw new FaultScriptError(problems.join('; '));
    this.#rules = (rules as FaultRule[]).map((rule) => ({
      rule,
      left: rule.times === 'always' ? Infinity : (rule.times ?? 1),
    }));
  }

  clear(): void {
    this.#rules = [];
  }

  /** The fault this request meets, consumed. */
  take(operation: string): Fault | undefined {
    const at = this.#rules.findIndex(({ rule }) => {
      const match = rule.match ?? 'generate';
      return match === '*' || match === operation;
    });
    const found = this.#rules[at];
    if (found === undefined) return undefined;
    found.left -= 1;
    if (found.left <= 0) this.#rules.splice(at, 1);
    return found.rule;
  }

  #problems(rule: unknown): string[] {
    if (typeof rule !== 'object' || rule === null) return ['is not an object'];
    const problems: string[] = [];
    for (const [name, value] of Object.entries(rule)) {
      const check = FIELDS[name];
      if (check === undefined) problems.push(`has no field "${name}"`);
      else if (!check(value)) problems.push(`has a bad "${name}"`);
    }
    const { fault, match } = rule as Partial<FaultRule>;
    if (fault === undefined || !this.#names.has(fault)) {
      problems.push(`"fault" is one of ${[...this.#names].join(', ')}`);
    }
    if (match !== undefined && !this.#operations.has(match)) {
      problems.push(`"match" is one of ${[...this.#operations].join(', ')}`);
    }
    return problems;
  }
}

const isText = (value: unknown): boolean => typeof value === 'string';
const isCount = (value: unknown): boolean => typeof value === 'number' && value >= 0;
const FIELDS: Record<string, (value: unknown) => boolean> = {
  fault: isText,
  match: isText,
  times: (value) => value === 'always' || (Number.isInteger(value) && (value as number) > 0),
  status: (value) => Number.isInteger(value) && (value as number) >= 200 && (value as number) <= 599,
  code: isText,
  message: isText,
  type: isText,
  delayMs: isCount,
  retryAfter: isCount,
  retryAfterAs: (value) => value === 'date',
};

/** Lets `proceed` happen or not, and its answer arrive or not, as a transport fault says; other faults pass. */
export async function disturbed(
  fault: Fault | undefined,
  sleep: (ms: number) => Promise<void>,
  proceed: () => Promise<Reply>,
): Promise<Reply> {
  if (fault === undefined) return proceed();
  if (fault.fault === 'slow') await sleep(fault.delayMs ?? DEFAULT_DELAY_MS);
  else if (fault.delayMs !== undefined && fault.fault !== 'link_slow') await sleep(fault.delayMs);
  switch (fault.fault) {
    case 'hang':
      return { kind: 'hang' };
    case 'drop_before':
      return { kind: 'drop' };
    case 'html_502':
      return gatewayPage(502);
    case 'html_503':
      return gatewayPage(503);
    case 'html_504':
      return gatewayPage(504);
    case 'empty_200':
      return emptyReply(200);
    case 'drop_after':
      await proceed();
      return { kind: 'drop' };
    case 'charge_then_502':
      await proceed();
      return gatewayPage(502);
    case 'truncated_json':
      return halved(await proceed());
    default:
      return proceed();
  }
}

/** How long a `link_slow` file waits. */
export function linkDelayMs(fault: Fault): number {
  return fault.delayMs ?? DEFAULT_DELAY_MS;
}

function halved(reply: Reply): Reply {
  if (reply.kind !== 'whole') return reply;
  const whole = Buffer.concat(reply.body);
  return { ...reply, body: [whole.subarray(0, whole.length >> 1)] };
}
