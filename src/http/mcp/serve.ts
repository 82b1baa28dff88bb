/** The Model Context Protocol by its official SDK; loaded with the first request, since it takes some 30 MB. */
import {
  createMcpHandler,
  type McpHttpHandler,
  ProtocolError,
  ProtocolErrorCode,
  Server,
} from '@modelcontextprotocol/server';
import manifest from '../../../package.json' with { type: 'json' };
import type { Caller } from '../../access/keys.ts';
import { catalogue } from '../../core/errors.ts';
import { toLimnerError } from '../errors.ts';
import { describeTools, toolRuns, type ToolParts, toToolError } from './tools.ts';

/** Whose request it is, as it travels through the SDK. */
export const authInfoOf = (caller: Caller) => ({
  token: '',
  clientId: caller.id,
  scopes: [],
  extra: { caller },
});

/** Answers requests of clients of every revision of the protocol; nothing is held between two of them. */
export const createMcp = (tools: ToolParts): McpHttpHandler =>
  createMcpHandler(
    ({ authInfo, requestInfo }) => {
      const caller = authInfo?.extra?.['caller'] as Caller;
      const server = new Server(
        { name: 'limner', title: 'Limner', version: manifest.version },
        {
          capabilities: { tools: {} },
          instructions:
            'Makes pictures. `generate_image` waits for them; when they take long it names a task, which `get_task` ' +
            'looks up. Show the user the links: they lead to the pictures in full size.',
        },
      );
      server.setRequestHandler('tools/list', () => ({ tools: describeTools(tools, caller) }));
      server.setRequestHandler('tools/call', async ({ params }, { mcpReq }) => {
        const run = toolRuns.get(params.name);
        if (run === undefined) {
          throw new ProtocolError(ProtocolErrorCode.InvalidParams, `There is no tool ${params.name}.`);
        }
        const progressToken = mcpReq._meta?.progressToken;
        const signals = [mcpReq.signal, requestInfo?.signal].filter((signal) => signal !== undefined);
        try {
          return await run(tools, {
            caller,
            input: params.arguments ?? {},
            signal: AbortSignal.any(signals),
            ...(progressToken !== undefined && {
              tellProgress: (progress, message) => {
                const told = { progressToken, progress, message };
                // A client that has gone hears nothing more, and the task goes on.
                mcpReq.notify({ method: 'notifications/progress', params: told }).catch(() => undefined);
              },
            }),
          });
        } catch (fault) {
          const error = toLimnerError(fault);
          if (catalogue[error.code].report) tools.parts.logger.error({ err: fault }, 'a tool failed');
          return toToolError(error);
        }
      });
      return server;
    },
    {
      onerror: (error) =>
        tools.parts.logger.debug({ err: error }, 'a request of the Model Context Protocol was refused'),
    },
  );
