/** Keys as requests, answers and the command line write them: times in Unix seconds, amounts in units of the currency. */
import { fromMicros, toMicros } from '../core/money.ts';
import type { ApiKey, KeyChanges, KeyRole, NewKey } from './keys.ts';
import type { Budget, BudgetPeriod, KeyLimits } from './limits.ts';

/** A budget as it is written. */
export interface BudgetJson {
  readonly amount: number;
  /** ISO 4217. */
  readonly currency: string;
  readonly period: BudgetPeriod;
}

/** What may be set for a key, beside its name and role. */
export interface KeySettingsJson {
  readonly models?: string[];
  readonly allowed_ips?: string[];
  readonly expires_at?: number;
  readonly requests_per_minute?: number;
  readonly concurrent_tasks?: number;
  readonly images_per_day?: number;
  readonly budget?: BudgetJson;
}

/** What a key is to be made with. */
export interface NewKeyJson extends KeySettingsJson {
  readonly name: string;
  readonly role?: KeyRole;
}

/** What is to change of a key; `null` takes away what was set. */
export type KeyChangesJson = { readonly name?: string } & {
  readonly [Key in keyof KeySettingsJson]?: KeySettingsJson[Key] | null;
};

/** A key without its secret. */
export interface KeyJson extends KeySettingsJson {
  readonly id: string;
  readonly name: string;
  readonly role: KeyRole;
  readonly hint: string;
  readonly created_at: number;
  readonly revoked_at?: number;
  readonly previous_expires_at?: number;
  readonly last_used_at?: number;
}

const seconds = (timeMs: number): number => Math.floor(timeMs / 1000);

/** Limits as they are written. */
export const presentLimits = ({ requestsPerMinute, concurrentTasks, imagesPerDay, budget }: KeyLimits) => ({
  ...(requestsPerMinute !== undefined && { requests_per_minute: requestsPerMinute }),
  ...(concurrentTasks !== undefined && { concurrent_tasks: concurrentTasks }),
  ...(imagesPerDay !== undefined && { images_per_day: imagesPerDay }),
  ...(budget !== undefined && {
    budget: { amount: fromMicros(budget.micros), currency: budget.currency, period: budget.period },
  }),
});

/** What is set for a key, beside its name and role. */
export const presentSettings = ({ models, allowedIps, expiresAtMs, limits }: ApiKey): KeySettingsJson => ({
  ...presentLimits(limits),
  ...(models !== undefined && { models: [...models] }),
  ...(allowedIps !== undefined && { allowed_ips: [...allowedIps] }),
  ...(expiresAtMs !== undefined && { expires_at: seconds(expiresAtMs) }),
});

/** Shows a key to an administrator; the key itself is known to nobody but its owner. */
export const presentKey = (key: ApiKey): KeyJson => ({
  id: key.id,
  name: key.name,
  role: key.role,
  hint: key.hint,
  created_at: seconds(key.createdAtMs),
  ...(key.revokedAtMs !== undefined && { revoked_at: seconds(key.revokedAtMs) }),
  ...(key.previousUntilMs !== undefined && { previous_expires_at: seconds(key.previousUntilMs) }),
  ...(key.lastUsedAtMs !== undefined && { last_used_at: seconds(key.lastUsedAtMs) }),
  ...presentSettings(key),
});

const readBudget = ({ amount, currency, period }: BudgetJson): Budget => ({
  micros: toMicros(amount),
  currency,
  period,
});

/** What a key is to be made with. */
export const readNewKey = (json: NewKeyJson): NewKey => {
  const { requests_per_minute, concurrent_tasks, images_per_day, budget } = json;
  return {
    name: json.name,
    role: json.role ?? 'user',
    ...(json.models !== undefined && { models: json.models }),
    ...(json.allowed_ips !== undefined && { allowedIps: json.allowed_ips }),
    ...(json.expires_at !== undefined && { expiresAtMs: json.expires_at * 1000 }),
    limits: {
      ...(requests_per_minute !== undefined && { requestsPerMinute: requests_per_minute }),
      ...(concurrent_tasks !== undefined && { concurrentTasks: concurrent_tasks }),
      ...(images_per_day !== undefined && { imagesPerDay: images_per_day }),
      ...(budget !== undefined && { budget: readBudget(budget) }),
    },
  };
};

/** What is to change. */
export const readKeyChanges = (json: KeyChangesJson): KeyChanges => ({
  ...(json.name !== undefined && { name: json.name }),
  ...(json.models !== undefined && { models: json.models }),
  ...(json.allowed_ips !== undefined && { allowedIps: json.allowed_ips }),
  ...(json.expires_at !== undefined && { expiresAtMs: json.expires_at && json.expires_at * 1000 }),
  ...(json.requests_per_minute !== undefined && { requestsPerMinute: json.requests_per_minute }),
  ...(json.concurrent_tasks !== undefined && { concurrentTasks: json.concurrent_tasks }),
  ...(json.images_per_day !== undefined && { imagesPerDay: json.images_per_day }),
  ...(json.budget !== undefined && { budget: json.budget && readBudget(json.budget) }),
});
