/**
 * The parts of prom-client that are needed all the time. Its entrance also loads OpenTelemetry and the cluster module: ten
 * megabytes that a process which nobody scrapes has no use for.
 */
import { createRequire } from 'node:module';
import type * as promClient from 'prom-client';

type PromClient = typeof promClient;

const require = createRequire(import.meta.url);

export const Counter = require('prom-client/lib/counter') as PromClient['Counter'];
export const Gauge = require('prom-client/lib/gauge') as PromClient['Gauge'];
export const Histogram = require('prom-client/lib/histogram') as PromClient['Histogram'];
export const Registry = require('prom-client/lib/registry') as PromClient['Registry'];

/** What prom-client tells of every Node process. From then on it also measures how late the event loop is. */
export const collectProcessMetrics = (register: InstanceType<PromClient['Registry']>): void => {
  const collect = require('prom-client/lib/defaultMetrics') as PromClient['collectDefaultMetrics'];
  collect({ register });
};
