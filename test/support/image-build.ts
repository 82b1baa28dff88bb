/** Follows a Dockerfile without a container engine: stages are folders, and base images are this machine. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** A line of a Dockerfile. */
interface Instruction {
  readonly keyword: string;
  readonly rest: string;
}

/** What the last stage says of the image. */
export interface BuiltImage {
  /** The folder that is `/` in the image. */
  readonly folder: string;
  readonly workdir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly user: string;
  readonly ports: readonly number[];
  readonly volumes: readonly string[];
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** The command of the health check. */
  readonly healthcheck: readonly string[];
}

/** The instructions of `deploy/Dockerfile`. */
export const readDockerfile = (): readonly Instruction[] =>
  readFileSync(join(root, 'deploy/Dockerfile'), 'utf8')
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [keyword = '', ...rest] = line.split(' ');
      return { keyword, rest: rest.join(' ') };
    });

/** Whether `.dockerignore` lets a path of the repository through: it names what it does. */
const isInContext = (path: string): boolean =>
  readFileSync(join(root, '.dockerignore'), 'utf8').split('\n').includes(`!${path}`);

const listOf = (text: string): readonly string[] => JSON.parse(text) as string[];

/** @param folder a new one, where the stages are made. */
export const buildImage = (folder: string): BuiltImage => {
  const stages = new Map<string, string>();
  const env: Record<string, string> = {};
  const ports: number[] = [];
  const volumes: string[] = [];
  let [stage, workdir, user] = ['', '/', 'root'];
  let entrypoint: readonly string[] = [];
  let command: readonly string[] = [];
  let healthcheck: readonly string[] = [];

  const inStage = (path: string): string => join(stage, resolve(workdir, path));

  const copy = (rest: string): void => {
    const words = rest.split(' ');
    const from = words[0]?.startsWith('--from=') ? words.shift()?.slice('--from='.length) : undefined;
    const target = words.pop() ?? '';
    for (const source of words) {
      if (from === undefined && !isInContext(source)) throw new Error(`.dockerignore keeps ${source} out`);
      const path = from === undefined ? join(root, source) : join(stages.get(from) ?? '', source);
      const isFolder = statSync(path).isDirectory();
      cpSync(path, isFolder ? inStage(target) : join(inStage(target), basename(source)), {
        recursive: true,
        filter: (file) => from !== undefined || !file.endsWith('.test.ts'),
      });
    }
  };

  const run = (line: string): void => {
    // The packages for development lie here already.
    if (line === 'npm ci') symlinkSync(join(root, 'node_modules'), inStage('node_modules'));
    else if (line.startsWith('install -d ')) mkdirSync(inStage(line.split(' ').at(-1) ?? ''));
    else execFileSync('sh', ['-c', line], { cwd: inStage('.'), stdio: 'pipe' });
  };

  const follow = ({ keyword, rest }: Instruction): void => {
    switch (keyword) {
      case 'FROM':
        stage = join(folder, String(stages.size));
        stages.set(rest.split(' AS ')[1] ?? 'image', stage);
        [workdir, user] = ['/', 'root'];
        mkdirSync(stage);
        return;
      case 'WORKDIR':
        workdir = resolve(workdir, rest);
        mkdirSync(inStage('.'), { recursive: true });
        return;
      case 'COPY':
        return copy(rest);
      case 'RUN':
        return run(rest);
      case 'ENV':
        for (const [, name = '', value = ''] of rest.matchAll(/(\w+)=(\S+)/g)) env[name] = value;
        return;
      case 'USER':
        user = rest;
        return;
      case 'EXPOSE':
        ports.push(Number(rest));
        return;
      case 'VOLUME':
        volumes.push(rest);
        return;
      case 'HEALTHCHECK':
        healthcheck = listOf(rest.slice(rest.indexOf('CMD') + 3));
        return;
      case 'ENTRYPOINT':
        entrypoint = listOf(rest);
        return;
      case 'CMD':
        command = listOf(rest);
        return;
      default:
        throw new Error(`Nobody here knows how to follow ${keyword}`);
    }
  };

  for (const instruction of readDockerfile()) follow(instruction);
  return { folder: stage, workdir, env, user, ports, volumes, entrypoint, command, healthcheck };
};
