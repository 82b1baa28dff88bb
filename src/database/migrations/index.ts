/** The schema's history, oldest first. A landed migration is never edited: the next one mends it. */
import type { Sql } from '../compile.ts';
import { tasksCallsImages } from './0001-tasks-calls-images.ts';
import { webhooks } from './0002-webhooks.ts';

/** One step of the schema. */
export interface Migration {
  readonly name: string;
  statements(sql: Sql): readonly string[];
}

export const migrations: readonly Migration[] = [tasksCallsImages, webhooks];
