import type { ApiKey } from '../../../access/keys.ts';
import type { KeyView } from './schema.ts';

/** Shows a key to an administrator; the key itself is known to nobody but its owner. */
export const presentKey = (key: ApiKey): KeyView => ({
  id: key.id,
  name: key.name,
  role: key.role,
  hint: key.hint,
  created_at: Math.floor(key.createdAtMs / 1000),
  ...(key.revokedAtMs !== undefined && { revoked_at: Math.floor(key.revokedAtMs / 1000) }),
});
