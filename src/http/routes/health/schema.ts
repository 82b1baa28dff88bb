import Type from 'typebox';
import { answer } from '../../described.ts';

const AliveSchema = Type.Object({ status: Type.Enum(['ok'], { type: 'string' }) }, { title: 'Health' });

const ReadySchema = Type.Object(
  {
    status: Type.Enum(['ok', 'degraded', 'starting', 'draining'], {
      type: 'string',
      description: '`degraded`: it takes tasks, and a provider cannot serve for now.',
    }),
    providers: Type.Array(
      Type.Object({
        name: Type.String(),
        state: Type.Enum(['ok', 'unavailable', 'refused'], {
          type: 'string',
          description:
            '`unavailable`: it does not answer. `refused`: it refuses the account. Either way it gets no calls but for a try now and then.',
        }),
        reason: Type.Optional(Type.String({ description: 'The error code of the call that showed it.' })),
        since: Type.Optional(Type.Integer({ description: 'Unix seconds.' })),
      }),
      { description: 'What is thought of each configured provider.' },
    ),
  },
  { title: 'Readiness' },
);

const tags = ['Operation'];

export const healthSchema = {
  operationId: 'isAlive',
  summary: 'Whether the process is alive',
  tags,
  security: [],
  response: { 200: answer('It is.', AliveSchema) },
};

export const readySchema = {
  operationId: 'isReady',
  summary: 'Whether the process takes tasks',
  tags,
  security: [],
  response: { 200: answer('It does.', ReadySchema), 503: answer('It starts or drains.', ReadySchema) },
};
