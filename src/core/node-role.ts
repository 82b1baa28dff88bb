/** What a process does: `api` takes requests, `worker` works on tasks, `all` does both. */
export const nodeRoles = ['all', 'api', 'worker'] as const;
export type NodeRole = (typeof nodeRoles)[number];
