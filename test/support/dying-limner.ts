/** The program, except that it dies when it reaches a fault point: `node dying-limner.ts <point> <nth time>`. */
import { createApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { faultPoints } from '../../src/engine/fault-points.ts';
import { createLogger } from '../../src/observe/logger.ts';
import { adapters } from '../../src/providers/registry.ts';

const [point, nth] = process.argv.slice(2);
if (!faultPoints.some((known) => known === point)) throw new Error(`There is no fault point ${point}`);
let timesLeft = Number(nth);

const config = loadConfig({ env: process.env, cwd: process.cwd(), adapters });
const logger = createLogger({ level: 'info' });
const app = await createApp({
  config,
  logger,
  reach: (reached) => {
    if (reached !== point) return;
    timesLeft -= 1;
    if (timesLeft === 0) process.kill(process.pid, 'SIGKILL');
  },
});
await app.keys.ensureBootstrap(config.apiKey?.reveal() ?? '');
logger.info({ url: await app.listen() }, 'listening');
