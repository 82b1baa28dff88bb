import swagger from '@fastify/swagger';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { fastify } from 'fastify';
import { webhookEvents } from './routes/webhooks/events.ts';
import { registerRoutes, type Server } from './server.ts';
import type { ServerParts } from './server-parts.ts';

/** Any JSON object of the document. */
type Node = { [name: string]: unknown };

/** The OpenAPI 3.1 document of every route, made from the very schemas that validate requests. */
export const buildOpenApi = async (version: string): Promise<Node> => {
  const app: Server = fastify().withTypeProvider<TypeBoxTypeProvider>();
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => JSON.stringify);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Limner',
        version,
        description:
          'Ask for pictures with one request and get them from Seedream, Jimeng, Kling or DALL·E 3. A request makes a task; ' +
          'the task ends `completed`, with images, or `failed`, with an error. Every error code has a page in `docs/errors`.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
      tags: [
        { name: 'Images', description: 'Tasks and the pictures that they make.' },
        { name: 'Models', description: 'What can be asked for.' },
        {
          name: 'OpenAI',
          description:
            "The same for clients of OpenAI's Images API: they only change their base URL. `docs/openai.md`.",
        },
        {
          name: 'Webhooks',
          description: 'Being told when a task has ended. How to verify: `docs/webhooks.md`.',
        },
        {
          name: 'Usage',
          description: 'What a key has used, and what remains of its limits. `docs/usage.md`.',
        },
        { name: 'Administration', description: 'For keys with the role `admin`.' },
        { name: 'Operation', description: 'For whoever runs the server.' },
      ],
      webhooks: webhookEvents,
      components: {
        securitySchemes: {
          bearerAuth: { type: 'http', scheme: 'bearer', description: 'Your API key.' },
          apiKey: {
            type: 'apiKey',
            in: 'header',
            name: 'api-key',
            description: 'The same, as Azure has it.',
          },
        },
      },
    },
  });
  // Registering a route reads nothing, and no request ever comes.
  registerRoutes(app, { publicUrl: undefined } as unknown as ServerParts);
  await app.ready();
  const document = JSON.parse(JSON.stringify(app.swagger())) as Node;
  await app.close();
  return nameSchemas(document);
};

/** Moves every schema with a `title` to `components.schemas`, and refers to it from where it stood. */
const nameSchemas = (document: Node): Node => {
  const schemas: Node = {};
  const visit = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(visit);
    if (typeof value !== 'object' || value === null) return value;
    const visited = Object.fromEntries(Object.entries(value).map(([name, member]) => [name, visit(member)]));
    const { title, type } = visited;
    if (typeof title !== 'string' || type !== 'object') return visited;
    schemas[title] = visited;
    return { $ref: `#/components/schemas/${title}` };
  };
  const { paths, webhooks, components, ...rest } = document;
  const visitedWebhooks = visit(webhooks);
  const visitedPaths = visit(paths);
  const sorted = Object.fromEntries(
    Object.entries(schemas).toSorted(([one], [other]) => (one < other ? -1 : 1)),
  );
  return {
    ...rest,
    paths: visitedPaths,
    webhooks: visitedWebhooks,
    components: { ...(components as Node), schemas: sorted },
  };
};
