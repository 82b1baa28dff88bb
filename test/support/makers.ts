import type { FaultPoint } from '../../src/engine/fault-points.ts';
import type { Adapter } from '../../src/providers/provider.ts';
import { adapterByName } from '../../src/providers/registry.ts';
import type { Vendors } from './vendors.ts';

/** Who makes the pictures of a crash test, and what an upstream of its kind does with a call that comes twice. */
export interface Maker {
  readonly name: string;
  /** Absent: the sandbox, which charges nobody. */
  readonly vendor?: 'ark' | 'jimeng' | 'kling' | 'openai';
  /** The public model. */
  readonly model: string;
  /** Written into every prompt. */
  readonly directive?: string;
  /** One that it makes natively. */
  readonly size: string;
  readonly seed?: number;
  readonly imagesPerCall: number;
  readonly resend: Adapter['resend'];
  /** Whether it hands out handles, to be asked with later. */
  readonly isDeferred: boolean;
}

/** A vendor's: what it promises of repeated calls and handles is read from its adapter. */
const vendor = (
  name: Maker['vendor'] & string,
  rest: Pick<Maker, 'model' | 'seed' | 'imagesPerCall'>,
): Maker => {
  const adapter = adapterByName(name);
  const { resend } = adapter;
  return { name, vendor: name, size: '1024x1024', resend, isDeferred: adapter.check !== undefined, ...rest };
};

const sandbox: Maker = {
  name: 'sandbox',
  model: 'sandbox',
  size: '320x200',
  imagesPerCall: 1,
  resend: adapterByName('sandbox').resend,
  isDeferred: false,
};

/** One for each adapter, and the sandbox once more, since it hands out handles only when it is told to take its time. */
export const makers = {
  sandbox,
  sandboxWithHandles: {
    ...sandbox,
    name: 'sandbox with handles',
    directive: ' [sandbox:delay=50ms]',
    isDeferred: true,
  },
  ark: vendor('ark', { model: 'seedream-3.0', imagesPerCall: 1 }),
  jimeng: vendor('jimeng', { model: 'jimeng', seed: 7, imagesPerCall: 1 }),
  kling: vendor('kling', { model: 'keling', imagesPerCall: 2 }),
  openai: vendor('openai', { model: 'dall-e-3', imagesPerCall: 2 }),
} satisfies Readonly<Record<string, Maker>>;

/** Whether calls to this maker pass the point: only who hands out handles has one to be stored. */
export const canReach = (maker: Maker, point: FaultPoint): boolean =>
  point !== 'after-accepted' || maker.isDeferred;

/** A `limner.yaml` for all of them; Jimeng's model takes seeds, since its calls carry nothing else to know them by. */
export const configOf = (vendors: Vendors): string => `${vendors.config}
models:
  jimeng:
    routes:
      - { provider: jimeng, upstream_model: jimeng_t2i_v31, edit_model: jimeng_i2i_v30 }
`;
