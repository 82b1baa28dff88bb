import type { KeyStore } from '../access/keys.ts';
import type { AdapterDescription, Config } from '../config/config.ts';
import type { Environment } from '../config/environment.ts';
import type { Finding } from '../core/finding.ts';
import type { ModelCatalog } from '../providers/catalog.ts';

/** Where a command writes to. */
export interface Terminal {
  write(text: string): void;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Limner inside this process, without a port that others reach. */
export interface EmbeddedApp {
  /** Answers as the server would; the host of the address does not matter. */
  fetch(request: Request): Promise<Response>;
  /** The secret of a key that may do everything. */
  readonly apiKey: string;
  close(): Promise<void>;
}

/** Keys of a data folder, also while a server works on it. */
export interface OpenKeys {
  readonly keys: Pick<KeyStore, 'create' | 'list' | 'get' | 'update' | 'rotate' | 'revoke'>;
  readonly models: ModelCatalog;
  close(): Promise<void>;
}

/** Which schema the database has. */
export interface SchemaReport {
  readonly database: 'sqlite' | 'postgres';
  readonly version: number;
  /** The newest that this program knows. */
  readonly known: number;
  readonly pending: readonly string[];
  /** Of pg-boss's own tables, in PostgreSQL. */
  readonly jobs?: { readonly version: number; readonly known: number };
}

/** What was moved to PostgreSQL and to a bucket. */
export interface MovedReport {
  readonly tables?: {
    readonly tables: readonly { readonly name: string; readonly rows: number; readonly sha256: string }[];
    /** Files that wait in the spool for their tasks. */
    readonly spooled: number;
    /** What the SQLite file is called now. */
    readonly putAside: string;
  };
  readonly pictures?: {
    readonly files: number;
    readonly bytes: number;
    readonly thereBefore: number;
    readonly list: string;
  };
  /** Pictures that rows tell of and that were not in the folder. */
  readonly lost: readonly string[];
}

/** The parts of the program above the command line, loaded when a command needs them. */
export interface Program {
  adapters(): Promise<readonly AdapterDescription[]>;
  /** Serves until the signal aborts, and drains. Throws `DataFolderHeld` when another process works on the folder. */
  serve(config: Config, stop: AbortSignal): Promise<void>;
  /** Throws `DataFolderHeld` when another process works on the folder. */
  embed(config: Config): Promise<EmbeddedApp>;
  openKeys(config: Config): Promise<OpenKeys>;
  schemaStatus(config: Config): Promise<SchemaReport>;
  /** Brings the schema up to this program's version and answers what it was before. */
  migrateSchema(config: Config): Promise<SchemaReport>;
  /** Moves the data folder. Throws `DataFolderHeld` when another process works on it. */
  moveData(
    config: Config,
    order: { readonly tables: boolean; readonly pictures: boolean },
    onMoved: (what: string, done: number, of: number) => void,
  ): Promise<MovedReport>;
  /** Looks whether this installation works. Throws nothing. */
  examine(config: Config): AsyncIterable<Finding>;
  /** Tells whether an error says that another process works on the data folder. */
  isFolderHeld(error: unknown): boolean;
}

/** Everything outside that a command touches. */
export interface CliContext {
  readonly env: Environment;
  readonly cwd: string;
  readonly version: string;
  readonly stdout: Terminal;
  readonly stderr: Terminal;
  /** Aborts at Ctrl-C or SIGTERM. */
  readonly interrupted: AbortSignal;
  readonly program: Program;
}
