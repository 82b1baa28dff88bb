/** That the parts of `deploy/` agree with each other and with the program. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import openApi from '../../openapi.json' with { type: 'json' };
import { knownVariables, vendorVariables } from '../../src/config/environment.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import { adapters } from '../../src/providers/registry.ts';
import { readDockerfile } from '../support/image-build.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Until the drain is over, and the process gone. */
const DRAIN_SECONDS = 10;

interface Container {
  readonly image: string;
  readonly args: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly envFrom?: readonly { readonly secretRef: { readonly name: string } }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
  readonly lifecycle?: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
  readonly [probe: `${string}Probe`]: { readonly httpGet: { readonly path: string; readonly port: string } };
}

/** What is read here of an object that runs pods. */
interface Workload {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly stringData?: Readonly<Record<string, string>>;
  readonly spec: {
    readonly template: {
      readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
      readonly spec: {
        readonly terminationGracePeriodSeconds?: number;
        readonly enableServiceLinks: boolean;
        readonly containers: readonly [Container];
      };
    };
  };
}

interface Compose {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly command?: readonly string[];
        readonly environment: Readonly<Record<string, string>>;
        readonly volumes?: readonly string[];
        readonly ports?: readonly string[];
        readonly stop_grace_period?: string;
      }
    >
  >;
}

const manifests = globSync('deploy/kubernetes/**/*.yaml', { cwd: root }).flatMap((path) =>
  parseAllDocuments(read(path)).map((document) => document.toJS() as Workload),
);
const secrets = manifests.filter(({ kind }) => kind === 'Secret');
const workloads = manifests.filter(({ kind }) => ['Deployment', 'StatefulSet', 'Job'].includes(kind));
/** The api node and the worker. */
const nodes = workloads
  .filter(({ kind }) => kind !== 'Job')
  .toSorted((one, other) => one.metadata.name.localeCompare(other.metadata.name));
const containerOf = ({ spec }: Workload): Container => spec.template.spec.containers[0];

const compose = parse(read('deploy/compose/compose.yaml'), { merge: true }) as Compose;
const composeNodes = ['api', 'worker'].flatMap((name) => compose.services[name] ?? []);
const dockerfile = readDockerfile();
const imageEnv = Object.fromEntries(
  dockerfile
    .filter(({ keyword }) => keyword === 'ENV')
    .flatMap(({ rest }) =>
      [...rest.matchAll(/(\w+)=(\S+)/g)].map(([, name = '', value = '']) => [name, value]),
    ),
);
const unit = read('deploy/systemd/limner.service');

const readable = new Set([
  ...[...knownVariables, ...vendorVariables.flatMap(({ credentials }) => Object.keys(credentials))].flatMap(
    (name) => [name, `${name}_FILE`],
  ),
  ...vendorVariables.map(({ baseUrl }) => baseUrl),
  'DATABASE_URL',
  // Node's own.
  'NODE_ENV',
]);

/** The variables that a configuration file fills in. */
const filledIn = (path: string): readonly string[] =>
  [...read(path).matchAll(/(?<!\$)\$\{(\w+)/g)].map(([, name = '']) => name);

/** The variables that a container of the manifests has. */
const environmentOf = (container: Container): readonly string[] => [
  ...(container.env ?? []).map(({ name }) => name),
  ...(container.envFrom ?? []).flatMap(({ secretRef }) =>
    Object.keys(secrets.find(({ metadata }) => metadata.name === secretRef.name)?.stringData ?? {}),
  ),
];

const strangers = (names: readonly string[], ...also: readonly string[]): readonly string[] =>
  names.filter((name) => !readable.has(name) && !also.includes(name));

const load = (path: string, role: 'api' | 'worker', env: Readonly<Record<string, string>>) =>
  loadConfig({
    env: { LIMNER_CONFIG: join(root, path), ...env },
    cwd: root,
    flags: {},
    role,
    adapters,
  });

describe('variables', () => {
  it('of every container and unit are read by the program', () => {
    expect(strangers(Object.keys(imageEnv))).toEqual([]);
    for (const workload of workloads) expect(strangers(environmentOf(containerOf(workload)))).toEqual([]);
    for (const { environment } of composeNodes)
      expect(strangers(Object.keys(environment), ...filledIn('deploy/compose/limner.yaml'))).toEqual([]);
    const ofUnit = [...unit.matchAll(/^Environment=(\w+)=/gm)].map(([, name = '']) => name);
    expect(ofUnit).toContain('LIMNER_DATA_DIR');
    expect(strangers(ofUnit)).toEqual([]);
  });

  it('that compose fills in are those of .env.example', () => {
    const wanted = new Set(filledIn('deploy/compose/compose.yaml'));
    const offered = new Set(
      [...read('deploy/compose/.env.example').matchAll(/^(\w+)=/gm)].map(([, name]) => name),
    );
    expect(offered).toEqual(wanted);
  });

  it('of vendors reach workers only', () => {
    const ofVendors = vendorVariables.flatMap(({ credentials }) => Object.keys(credentials));
    const [api, worker] = composeNodes.map(({ environment }) =>
      ofVendors.filter((name) => name in environment),
    );
    expect(api).toEqual([]);
    expect(worker?.length).toBeGreaterThan(3);
    const [pod, set] = nodes.map((workload) =>
      environmentOf(containerOf(workload)).filter((name) => ofVendors.includes(name)),
    );
    expect(pod).toEqual([]);
    expect(set).toEqual(['ARK_API_KEY']);
  });
});

describe('configuration files', () => {
  const secret = Object.assign({}, ...secrets.map(({ stringData }) => stringData)) as Record<string, string>;

  it.each(['api', 'worker'] as const)('of Kubernetes and compose hold for the role %s', (role) => {
    expect(load('deploy/kubernetes/limner.yaml', role, secret)).toMatchObject({
      database: { kind: 'postgres' },
      storage: { kind: 's3', bucket: 'limner-pictures' },
      notices: [],
    });
    const env = {
      DATABASE_URL: 'postgres://limner:password@postgres:5432/limner',
      LIMNER_S3_ACCESS_KEY_ID: 'limner',
      LIMNER_S3_SECRET_ACCESS_KEY: 'secret',
      BUCKET_URL: 'http://localhost:9000/limner',
    };
    expect(load('deploy/compose/limner.yaml', role, env)).toMatchObject({
      database: { kind: 'postgres' },
      storage: { kind: 's3', linkBaseUrl: 'http://localhost:9000/limner' },
      notices: [],
    });
  });

  it('lie where the containers look for them, and data where there is a disk', () => {
    for (const workload of nodes) {
      const { env, volumeMounts } = containerOf(workload);
      const paths = volumeMounts?.map(({ mountPath }) => mountPath);
      expect(env).toContainEqual({ name: 'LIMNER_CONFIG', value: '/etc/limner/limner.yaml' });
      expect(paths).toEqual(['/etc/limner', imageEnv['LIMNER_DATA_DIR'], '/tmp']);
    }
    for (const { environment, volumes } of composeNodes) {
      const targets = volumes?.map((volume) => volume.split(':')[1]);
      expect(targets).toEqual([environment['LIMNER_CONFIG'], imageEnv['LIMNER_DATA_DIR']]);
    }
    expect(dockerfile).toContainEqual({ keyword: 'VOLUME', rest: imageEnv['LIMNER_DATA_DIR'] });
  });
});

describe('ports and probes', () => {
  const port = Number(imageEnv['LIMNER_PORT']);

  it('agree with the image, and with the default', () => {
    expect(dockerfile).toContainEqual({ keyword: 'EXPOSE', rest: String(port) });
    expect(loadConfig({ env: {}, cwd: '/', flags: {}, role: 'all', adapters }).server.port).toBe(port);
    expect(compose.services['api']?.ports).toEqual([`127.0.0.1:${port}:${port}`]);
    for (const workload of nodes) {
      expect(containerOf(workload).ports).toEqual([{ name: 'http', containerPort: port }]);
      expect(workload.spec.template.metadata.annotations?.['prometheus.io/port']).toBe(String(port));
    }
  });

  it('ask for addresses that there are', () => {
    for (const workload of nodes) {
      const container = containerOf(workload);
      const probes = (['startupProbe', 'livenessProbe', 'readinessProbe'] as const).map(
        (name) => container[name]?.httpGet,
      );
      expect(probes).toEqual([
        { path: '/healthz', port: 'http' },
        { path: '/healthz', port: 'http' },
        { path: '/readyz', port: 'http' },
      ]);
      for (const probe of probes) expect(openApi.paths).toHaveProperty([probe?.path ?? '']);
    }
    expect(dockerfile.find(({ keyword }) => keyword === 'HEALTHCHECK')?.rest).toContain('/healthz');
  });
});

describe('stopping', () => {
  it('leaves time to drain', () => {
    for (const workload of nodes) {
      const { terminationGracePeriodSeconds = 0, enableServiceLinks } = workload.spec.template.spec;
      const waited = containerOf(workload).lifecycle?.preStop.sleep.seconds ?? 0;
      expect(terminationGracePeriodSeconds - waited).toBeGreaterThan(2 * DRAIN_SECONDS);
      expect(enableServiceLinks).toBe(false);
    }
    for (const node of composeNodes)
      expect(Number.parseInt(node.stop_grace_period ?? '', 10)).toBeGreaterThan(2 * DRAIN_SECONDS);
    expect(Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1])).toBeGreaterThan(2 * DRAIN_SECONDS);
  });
});

describe('roles', () => {
  it('are those of the command line', () => {
    expect(nodes.map((workload) => containerOf(workload).args)).toEqual([
      ['serve', '--role', 'api'],
      ['serve', '--role', 'worker'],
    ]);
    expect(composeNodes.map(({ command }) => command)).toEqual([
      ['serve', '--role', 'api'],
      ['serve', '--role', 'worker'],
    ]);
  });
});

describe('metrics', () => {
  it('that alerts, scaling and the documents name are told', async () => {
    const metrics = createMetrics();
    metrics.watch({
      waitingTasks: () => 0,
      providers: () => [],
      gates: () => [],
      unstoredPictures: () => 0,
    });
    const { text } = await metrics.read();
    const told = new Set([...text.matchAll(/^# TYPE (limner_\w+)/gm)].map(([, name]) => name));
    const namesIn = (path: string): ReadonlySet<string | undefined> =>
      new Set(
        [...read(path).matchAll(/\blimner_[a-z_]+[a-z]/g)].map(([name]) =>
          name.replace(/_(bucket|count|sum)$/, ''),
        ),
      );
    expect(namesIn('docs/operations.md')).toEqual(told);
    const used = ['deploy/prometheus/limner.rules.yaml', 'deploy/kubernetes/autoscaling/worker.yaml'];
    for (const path of used) expect(namesIn(path).isSubsetOf(told)).toBe(true);
    expect(namesIn('deploy/kubernetes/autoscaling/worker.yaml').has('limner_tasks_waiting')).toBe(true);
  });
});
