/** The program as an agent meets it: through the protocol's own SDK, as of 2026 and as of 2025. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { apiKey } from '../support/limner-process.ts';
import { type SandboxedLimner, startSandboxedLimner } from './limner-in-sandbox.ts';

let sandboxed: SandboxedLimner;
beforeAll(async () => {
  sandboxed = await startSandboxedLimner();
});
afterAll(async () => sandboxed[Symbol.asyncDispose]());

const connect = async (mode: 'legacy' | 'auto', key = apiKey): Promise<Client> => {
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
  const transport = new StreamableHTTPClientTransport(new URL(`${sandboxed.limner.url}/mcp`), {
    requestInit: { headers: { authorization: `Bearer ${key}` } },
  });
  await client.connect(transport);
  return client;
};

type Result = Awaited<ReturnType<Client['callTool']>>;
const wordsOf = ({ content }: Result): string =>
  content.map((block) => (block.type === 'text' ? block.text : '')).join('');
const picturesOf = ({ content }: Result) => content.filter((block) => block.type === 'image');
const taskIn = (result: Result): string => /task_[0-9a-z]+/.exec(wordsOf(result))?.[0] ?? '';

describe.each(['legacy', 'auto'] as const)('a client that negotiates %s', (mode) => {
  let client: Client;
  beforeAll(async () => {
    client = await connect(mode);
  });
  afterAll(async () => client.close());

  test('finds three tools, and the models in the schema of the one that draws', async () => {
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['generate_image', 'get_task', 'list_models']);
    const { required, properties } = tools[0]?.inputSchema ?? {};
    expect(required).toEqual(['model', 'prompt']);
    expect(properties).toMatchObject({
      model: { enum: expect.arrayContaining(['seedream-3.0', 'jimeng', 'keling', 'dall-e-3']) },
    });
  });

  test('gets pictures to look at and links to the full ones', async () => {
    const result = await client.callTool({
      name: 'generate_image',
      arguments: { model: 'seedream-3.0', prompt: 'A red fox', size: '1024x1792', n: 2 },
    });
    expect(result.isError).toBeFalsy();
    const pictures = picturesOf(result);
    expect(pictures.map(({ mimeType }) => mimeType)).toEqual(['image/jpeg', 'image/jpeg']);
    for (const { data } of pictures) {
      const { format, width, height } = await sharp(Buffer.from(data, 'base64')).metadata();
      expect([format, width, height]).toEqual(['jpeg', 414, 724]);
    }
    const links = [...wordsOf(result).matchAll(/1024x1792 \w+: (http\S+)/g)].map(([, link = '']) => link);
    expect(links).toHaveLength(2);
    const full = await sharp(await (await fetch(links[0] ?? '')).bytes()).metadata();
    expect([full.width, full.height]).toEqual([1024, 1792]);
  });

  test('hears how a slow task gets on, before its pictures', async () => {
    const messages: string[] = [];
    const result = await client.callTool(
      { name: 'generate_image', arguments: { model: 'jimeng', prompt: '[sandbox:delay=1200ms] A fox' } },
      { onprogress: ({ message }) => void messages.push(message ?? '') },
    );
    expect(picturesOf(result)).toHaveLength(1);
    expect(messages).toContainEqual(expect.stringContaining('being drawn'));
  });

  test('is named the task when the wait was too short, and finds its pictures later', async () => {
    const begun = await client.callTool({
      name: 'generate_image',
      arguments: { model: 'jimeng', prompt: '[sandbox:delay=1500ms] A fox', wait_seconds: 0 },
    });
    expect(picturesOf(begun)).toHaveLength(0);
    expect(wordsOf(begun)).toContain('get_task');
    const found = await client.callTool({ name: 'get_task', arguments: { task_id: taskIn(begun) } });
    expect(picturesOf(found)).toHaveLength(1);
    expect(taskIn(found)).toBe(taskIn(begun));
  });

  test('changes a reference picture', async () => {
    const bytes = await sharp({ create: { width: 64, height: 64, channels: 3, background: 'teal' } })
      .png()
      .toBuffer();
    const reference = `data:image/png;base64,${bytes.toString('base64')}`;
    const result = await client.callTool({
      name: 'generate_image',
      arguments: { model: 'seedream-3.0', prompt: 'The same at night', reference },
    });
    expect(picturesOf(result)).toHaveLength(1);
  });

  test('is told as the result of the tool what is wrong with its arguments', async () => {
    const result = await client.callTool({
      name: 'generate_image',
      arguments: { model: 'seedream-3.0', promt: 'A fox' },
    });
    expect(result.isError).toBe(true);
    expect(wordsOf(result)).toMatch(/unknown_parameter: `promt` is not a parameter\. Did you mean `prompt`/);
  });

  test('is told why a task failed and whether another try makes sense', async () => {
    const result = await client.callTool({
      name: 'generate_image',
      arguments: { model: 'seedream-3.0', prompt: '[sandbox:fail=content_policy_violation] A fox' },
    });
    expect(result.isError).toBe(true);
    expect(wordsOf(result)).toMatch(/^content_policy_violation: .*would fail again\. \(Task task_/);
  });

  test('does not find a task that is not there', async () => {
    const result = await client.callTool({ name: 'get_task', arguments: { task_id: 'task_nothing' } });
    expect([result.isError, wordsOf(result)]).toEqual([true, expect.stringContaining('task_not_found')]);
  });

  test('reads what each model can do', async () => {
    const result = await client.callTool({ name: 'list_models' });
    const models = JSON.parse(wordsOf(result)) as { readonly id: string; readonly available: boolean }[];
    expect(models).toContainEqual(expect.objectContaining({ id: 'keling', available: true }));
  });

  test('cannot call a tool that is not there', async () => {
    await expect(client.callTool({ name: 'draw' })).rejects.toThrow(/There is no tool draw/);
  });
});

describe('a key', () => {
  test('is needed', async () => {
    await expect(connect('legacy', 'not-a-key')).rejects.toThrow(/invalid_api_key|401|Unauthorized/i);
  });

  const makeKey = async (settings: object): Promise<string> => {
    const made = await sandboxed.limner.api<{ key: string }>('POST', '/admin/v1/keys', settings);
    return made.body.key;
  };
  const fox = { name: 'generate_image', arguments: { model: 'seedream-3.0', prompt: 'A fox' } };

  test('sees its own tasks only', async () => {
    const [own, foreign] = [
      await connect('legacy'),
      await connect('legacy', await makeKey({ name: 'other' })),
    ];
    const made = await own.callTool(fox);
    const looked = await foreign.callTool({ name: 'get_task', arguments: { task_id: taskIn(made) } });
    expect([looked.isError, wordsOf(looked)]).toEqual([true, expect.stringContaining('task_not_found')]);
    await Promise.all([own.close(), foreign.close()]);
  });

  test('is held to its limits and its models', async () => {
    const key = await makeKey({ name: 'small', models: ['seedream-3.0'], images_per_day: 1 });
    const client = await connect('auto', key);
    const { tools } = await client.listTools();
    expect(tools[0]?.inputSchema.properties).toMatchObject({ model: { enum: ['seedream-3.0'] } });
    expect((await client.callTool(fox)).isError).toBeFalsy();
    const second = await client.callTool(fox);
    expect([second.isError, wordsOf(second)]).toEqual([
      true,
      expect.stringMatching(/^rate_limit_exceeded: This key may ask for 1 pictures a day/),
    ]);
    const other = { ...fox, arguments: { ...fox.arguments, model: 'keling' } };
    expect(wordsOf(await client.callTool(other))).toMatch(/^model_not_allowed: /);
    await client.close();
  });
});
