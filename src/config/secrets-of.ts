import { Secret } from '../core/secret.ts';
import type { Config } from './config.ts';

/** Every secret in a configuration, and the password in an address of a database. */
export const secretsOf = (config: Config): readonly Secret[] => {
  const found: Secret[] = [];
  const look = (value: unknown): void => {
    if (value instanceof Secret) found.push(value);
    else if (typeof value === 'object' && value !== null) for (const one of Object.values(value)) look(one);
  };
  look(config);
  const { database } = config;
  const password = database.kind === 'postgres' ? URL.parse(database.url.reveal())?.password : undefined;
  if (password !== undefined && password !== '') {
    found.push(new Secret(password), new Secret(decodeURIComponent(password)));
  }
  return found;
};
