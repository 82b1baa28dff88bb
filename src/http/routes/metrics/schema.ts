import { otherAnswer } from '../../described.ts';

export const metricsSchema = {
  operationId: 'readMetrics',
  summary: 'What Prometheus may know of this process',
  description: 'Every name is explained in `docs/operations.md`.',
  tags: ['Operation'],
  security: [],
  response: { 200: otherAnswer("Prometheus' text format.", 'text/plain') },
};
