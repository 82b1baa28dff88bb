import type { Server } from 'node:http';

/**
 * Where callers reach the server: the configured address, else the one it listens on. The `Host` header is never
 * asked: whoever sends the request could make Limner sign links that lead to a host of theirs.
 */
export const publicUrlOf =
  (server: Server, configured: string | undefined): (() => string) =>
  () => {
    if (configured !== undefined) return configured;
    const address = server.address();
    if (address === null || typeof address === 'string') return 'http://localhost';
    const isAnyAddress = address.address === '0.0.0.0' || address.address === '::';
    const host = isAnyAddress
      ? 'localhost'
      : address.family === 'IPv6'
        ? `[${address.address}]`
        : address.address;
    return `http://${host}:${address.port}`;
  };
