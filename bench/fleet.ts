/** A fleet beside its PostgreSQL on one machine: what nodes accept, how soon a worker begins, and what a task costs. */
import { Client } from 'pg';
import { startPostgresServer } from '../test/support/postgres-server.ts';
import { cpuMs } from './process-figures.ts';
import { apiKey, type MeasuredLimner, runLoad, startLimner } from './processes.ts';

const path = '/v1/images/generations';
const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };

const round = (value: number, places = 1): string => value.toFixed(places);
const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((one, other) => one - other)[Math.floor(share * (values.length - 1))] ?? 0;

const bodyOf = (prompt: string): string => JSON.stringify({ model: 'sandbox', prompt, size: '320x200' });

/** Counts statements in the server's log, by who sent them. */
const createStatementCount = () => {
  const counts = new Map<string, number>();
  let rest = '';
  return {
    hear: (text: string): void => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const match = /^(limner[ a-z]*)\|LOG: {2}(?:execute [^:]*|statement): *(\w*)/.exec(line);
        if (match === null) continue;
        const isFrame = /^(begin|commit|rollback)$/i.test(match[2] ?? '');
        const name = isFrame ? 'transaction' : (match[1] ?? '');
        counts.set(name, (counts.get(name) ?? 0) + 1);
      }
    },
    take: (): ReadonlyMap<string, number> => {
      const taken = new Map(counts);
      counts.clear();
      return taken;
    },
  };
};

const rows = async (url: string, sql: string): Promise<readonly Record<string, number>[]> => {
  const client = new Client(url);
  await client.connect();
  const answer = await client.query(sql);
  await client.end();
  return answer.rows as readonly Record<string, number>[];
};

const untilEnded = async (url: string, count: number): Promise<void> => {
  for (;;) {
    const [row] = await rows(url, "select count(*)::int as ended from tasks where status = 'completed'");
    if ((row?.['ended'] ?? 0) >= count) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
};

const submit = async (node: MeasuredLimner, body: string): Promise<void> => {
  const answer = await fetch(node.origin + path, { method: 'POST', headers, body });
  if (!answer.ok) throw new Error(`A task was refused: ${await answer.text()}`);
};

/** Requests a second that these nodes accept together, and the CPU of each request. */
const measureAccepting = async (nodes: readonly MeasuredLimner[]) => {
  const load = {
    method: 'POST',
    headers,
    body: bodyOf('Later [sandbox:delay=1h]'),
    connections: 32,
    seconds: 6,
  } as const;
  const before = nodes.reduce((sum, { pid }) => sum + cpuMs(pid), 0);
  const results = await Promise.all(nodes.map(({ origin }) => runLoad({ ...load, url: origin + path })));
  const cpu = nodes.reduce((sum, { pid }) => sum + cpuMs(pid), 0) - before;
  const requests = results.reduce((sum, result) => sum + result.requests, 0);
  const failures = results.reduce((sum, result) => sum + result.failures, 0);
  if (failures > 0) throw new Error(`${failures} tasks were refused`);
  return {
    perSecond: results.reduce((sum, result) => sum + result.requests / result.seconds, 0),
    cpuEachMs: cpu / requests,
    p99Ms: Math.max(...results.map((result) => result.p99Ms)),
  };
};

/** Runs it and says what came out. */
export const measureFleet = async (say: (line: string) => void): Promise<void> => {
  const statements = createStatementCount();
  await using postgres = await startPostgresServer({
    settings: ['fsync=on', 'synchronous_commit=on', 'log_statement=all', 'log_line_prefix=%a|'],
    onLog: statements.hear,
  });
  const startNode = (port: number, role: string): Promise<MeasuredLimner> =>
    startLimner({ port, role, env: { DATABASE_URL: postgres.url } });
  const worker = await startNode(9481, 'worker');
  const first = await startNode(9482, 'api');
  const second = await startNode(9483, 'api');
  const nodes = [worker, first, second];

  const tasks = 100;
  for (let number = 0; number < tasks; number += 1) {
    await submit(first, bodyOf(`Number ${number}`));
    await untilEnded(postgres.url, number + 1);
  }
  const waits = await rows(postgres.url, 'select (started_at - created_at)::int as wait from tasks');
  const waitMs = waits.map((row) => row['wait'] ?? 0);
  say(
    `fleet pick-up: p50 ${quantile(waitMs, 0.5)} ms, p95 ${quantile(waitMs, 0.95)} ms from accepted to begun, over ${tasks} tasks one by one`,
  );

  statements.take();
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  const idle = statements.take();
  const begun = performance.now();
  await Promise.all(Array.from({ length: 200 }, (_, number) => submit(first, bodyOf(`Together ${number}`))));
  await untilEnded(postgres.url, tasks + 200);
  const seconds = (performance.now() - begun) / 1000;
  const busy = statements.take();
  const perTask = [...busy].map(([name, count]) => {
    const each = (count - ((idle.get(name) ?? 0) / 10) * seconds) / 200;
    return { name, each };
  });
  say(
    `fleet statements for a task from accepted to completed with one image: ${perTask
      .map(({ name, each }) => `${name} ${round(each)}`)
      .join(', ')}`,
  );

  await rows(postgres.url, "alter system set log_statement = 'none'");
  await rows(postgres.url, 'select pg_reload_conf()');
  await measureAccepting([first]);
  const alone = await measureAccepting([first]);
  const together = await measureAccepting([first, second]);
  say(
    `fleet accept, one api node: ${round(alone.perSecond, 0)} tasks/s, CPU ${round(alone.cpuEachMs, 3)} ms each, p99 ${round(alone.p99Ms)} ms`,
  );
  say(
    `fleet accept, two api nodes: ${round(together.perSecond, 0)} tasks/s (${round((together.perSecond / alone.perSecond - 1) * 100, 0)} % more), CPU ${round(together.cpuEachMs, 3)} ms each, p99 ${round(together.p99Ms)} ms`,
  );
  for (const node of nodes) await node.stop();
};
