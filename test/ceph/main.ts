/** `npm run test:ceph`: the suite of the image store against Ceph's RADOS Gateway from Debian's packages. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { CEPH_PACKAGES, type RadosGateway, startRadosGateway } from './rados-gateway.ts';

const start = async (): Promise<RadosGateway | undefined> => {
  try {
    return await startRadosGateway();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    console.error(
      `Ceph is not installed. On Debian: apt-get install --no-install-recommends ${CEPH_PACKAGES}`,
    );
    return undefined;
  }
};

const main = async (): Promise<number> => {
  await using gateway = await start();
  if (gateway === undefined) return 1;
  console.log(`${gateway.version}\nready after ${(gateway.bootMs / 1000).toFixed(1)} s`);
  const { port, baseHost, accessKeyId, secretAccessKey } = gateway;
  const vitest = spawn('vitest', ['run', '--config', 'test/ceph/vitest.config.ts'], {
    stdio: 'inherit',
    env: {
      ...process.env,
      TEST_GATEWAY: JSON.stringify({ port, baseHost, accessKeyId, secretAccessKey }),
    },
  });
  const [code] = await once(vitest, 'close');
  return Number(code ?? 1);
};

process.exitCode = await main();
