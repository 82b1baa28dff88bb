import Type from 'typebox';
import { errorAnswers, otherAnswer } from '../../described.ts';

export const fileSchema = {
  operationId: 'getFile',
  summary: 'Read a stored image',
  description:
    'The address comes whole, from `url` or `oss_url` of an image; it needs no key. `Range` and `If-None-Match` work as usual.',
  tags: ['Images'],
  security: [],
  params: Type.Object({ image: Type.String({ description: 'The file name in the link.' }) }),
  response: {
    200: otherAnswer('The picture.', 'image/*', {
      ETag: { description: 'Never changes: a stored picture never does.', type: 'string' },
    }),
    206: otherAnswer('A part of the picture.', 'image/*'),
    304: { description: 'You have it already.', type: 'null' },
    416: { description: 'The picture has no such part.', type: 'null' },
    ...errorAnswers('image_not_found', 'image_expired', 'internal_error', 'database_unavailable'),
  },
};
