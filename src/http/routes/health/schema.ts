import Type from 'typebox';
import { answer } from '../../described.ts';

const StatusSchema = Type.Object(
  { status: Type.Enum(['ok', 'starting', 'draining'], { type: 'string' }) },
  { title: 'Health' },
);

const tags = ['Operation'];

export const healthSchema = {
  operationId: 'isAlive',
  summary: 'Whether the process is alive',
  tags,
  security: [],
  response: { 200: answer('It is.', StatusSchema) },
};

export const readySchema = {
  operationId: 'isReady',
  summary: 'Whether the process takes tasks',
  tags,
  security: [],
  response: { 200: answer('It does.', StatusSchema), 503: answer('It starts or drains.', StatusSchema) },
};
