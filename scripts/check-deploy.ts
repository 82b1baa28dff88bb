/**
 * Lints `deploy/` as far as that is possible without a container engine or a cluster: YAML as it is read strictly, the
 * Dockerfile, the compose file against its schema, Kubernetes' and KEDA's objects against theirs, and PromQL by its grammar.
 * That the parts agree with each other and with the program is for `test/deploy.test.ts`.
 */
import { execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parser as promQl } from '@prometheus-io/lezer-promql';
import { validate as lintDockerfile } from 'dockerfile-utils';
import { parseAllDocuments } from 'yaml';

const root = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
}

/** What the packages of `kubernetes-models` have for each kind. */
type Model = new (data: object) => { validate(): void };

const faults: string[] = [];

/** Every document of a YAML file; what is wrong with it as YAML is a fault. */
const documentsOf = (path: string): readonly unknown[] =>
  parseAllDocuments(read(path), { strict: true, uniqueKeys: true, merge: true, version: '1.2' }).flatMap(
    (document) => {
      for (const { message } of [...document.errors, ...document.warnings])
        faults.push(`${path}: ${message}`);
      return document.errors.length === 0 ? [document.toJS()] : [];
    },
  );

const isKubernetesObject = (value: unknown): value is KubernetesObject =>
  typeof value === 'object' &&
  value !== null &&
  'kind' in value &&
  'apiVersion' in value &&
  !String(value.apiVersion).startsWith('kustomize.');

const packageOf = ({ apiVersion }: KubernetesObject): string =>
  apiVersion.startsWith('keda.sh/')
    ? `@kubernetes-models/keda/${apiVersion}`
    : `kubernetes-models/${apiVersion}`;

/** The schemas let keys pass that they do not know. */
const lintObject = async (path: string, object: KubernetesObject): Promise<void> => {
  const models = (await import(packageOf(object)).catch(() => ({}))) as Readonly<Record<string, Model>>;
  const model = models[object.kind];
  if (model === undefined) {
    faults.push(`${path}: there is no ${object.kind} in ${object.apiVersion}`);
    return;
  }
  try {
    new model(object).validate();
  } catch (fault) {
    faults.push(`${path}: ${object.kind}: ${fault instanceof Error ? fault.message : String(fault)}`);
  }
};

/** The compiler does not: to it, an object literal with a key too many is a fault. */
const lintKeys = (objects: readonly (readonly [path: string, object: KubernetesObject])[]): void => {
  // Below the root, so that the packages are found.
  const folder = mkdtempSync(join(root, 'node_modules/.limner-deploy-'));
  try {
    const lines = objects.map(([, object], place) => {
      const name = `I${object.kind}`;
      return `import type { ${name} as T${place} } from '${packageOf(object)}'; export const v${place}: T${place} = ${JSON.stringify(object)};`;
    });
    writeFileSync(join(folder, 'objects.ts'), `${lines.join('\n')}\n`);
    const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'esnext'];
    execFileSync('tsc', [...options, '--ignoreConfig', 'objects.ts'], { cwd: folder, encoding: 'utf8' });
  } catch (fault) {
    const output = (fault as { readonly stdout?: string }).stdout ?? String(fault);
    for (const [, line, message] of output.matchAll(/^objects\.ts\((\d+),\d+\): (.*)$/gm)) {
      const found = objects[Number(line) - 1];
      faults.push(`${found?.[0]}: ${found?.[1].kind}: ${message}`);
    }
    if (!output.includes('objects.ts(')) faults.push(output);
  } finally {
    rmSync(folder, { recursive: true });
  }
};

const lintCompose = (): void => {
  try {
    execFileSync('dclint', ['--quiet', 'deploy/compose'], { cwd: root, encoding: 'utf8' });
  } catch (fault) {
    faults.push((fault as { readonly stdout?: string }).stdout ?? String(fault));
  }
};

/** Every PromQL expression below a value: what `expr` and `query` name. */
const expressionsIn = (value: unknown): readonly string[] => {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) =>
    (key === 'expr' || key === 'query') && typeof inner === 'string' ? [inner] : expressionsIn(inner),
  );
};

const lintPromQl = (path: string, expression: string): void => {
  promQl.parse(expression).iterate({
    enter: ({ type, from }) => {
      if (type.isError) faults.push(`${path}: PromQL goes wrong at “${expression.slice(from, from + 30)}”`);
    },
  });
};

const objects: [string, KubernetesObject][] = [];
for (const path of globSync('deploy/**/*.yaml', { cwd: root }).toSorted()) {
  for (const document of documentsOf(path)) {
    for (const expression of expressionsIn(document)) lintPromQl(path, expression);
    if (isKubernetesObject(document)) objects.push([path, document]);
  }
}
for (const [path, object] of objects) await lintObject(path, object);
lintKeys(objects);
lintCompose();
for (const { range, message } of lintDockerfile(read('deploy/Dockerfile'))) {
  const text = typeof message === 'string' ? message : message.value;
  faults.push(`deploy/Dockerfile:${range.start.line + 1}: ${text}`);
}

for (const fault of faults) console.error(fault);
process.exitCode = faults.length === 0 ? 0 : 1;
