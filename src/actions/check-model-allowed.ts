import type { Caller } from '../access/keys.ts';
import { LimnerError } from '../core/errors.ts';

/** Whether the key may use the public model of this name. */
export const isModelAllowed = ({ models }: Pick<Caller, 'models'>, name: string): boolean =>
  models?.includes(name) ?? true;

/** Throws `model_not_allowed` when the key may not use the public model of this name. */
export const checkModelAllowed = (caller: Pick<Caller, 'models'>, name: string): void => {
  if (isModelAllowed(caller, name)) return;
  const names = (caller.models ?? []).map((one) => `\`${one}\``).join(', ');
  throw new LimnerError('model_not_allowed', `This key may use ${names}, and not \`${name}\`.`, {
    param: 'model',
  });
};
