import type { Environment } from './environment.ts';

/** The environment of this process, read here and nowhere else. */
export const processEnvironment = (): Environment => process.env;
