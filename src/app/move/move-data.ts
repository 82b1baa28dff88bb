/** Moves an installation from a laptop to a fleet: rows from SQLite to PostgreSQL, pictures from the folder to a bucket. */
import type { DatabaseSync } from 'node:sqlite';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../../config/config.ts';
import type { Clock } from '../../core/clock.ts';
import { lockFolder } from '../../database/sqlite/folder-lock.ts';
import { createFsImageStore } from '../../images/fs/fs-image-store.ts';
import type { Logger } from '../../observe/logger.ts';
import { openImages } from '../open-images.ts';
import { CannotMove } from './cannot-move.ts';
import { movePictures, type PicturesMoved } from './move-pictures.ts';
import { moveTables, type OnMoved, type TablesMoved } from './move-tables.ts';

/** What is to be moved out of the data folder. */
export interface MoveOrder {
  /** Into the PostgreSQL of the configuration. */
  readonly tables: boolean;
  /** Into the bucket of the configuration. */
  readonly pictures: boolean;
}

/** What was moved, and is the same on both sides. */
export interface Moved {
  readonly tables?: TablesMoved;
  readonly pictures?: Omit<PicturesMoved, 'keys'>;
  /** Pictures that rows tell of and that were not in the folder: lost before. */
  readonly lost: readonly string[];
}

const copyToBucket = async (
  config: Config,
  { clock, logger, onMoved }: { readonly clock: Clock; readonly logger: Logger; readonly onMoved: OnMoved },
): Promise<PicturesMoved> => {
  const { dataDir } = config;
  const bucket = await openImages(config, clock, logger);
  try {
    return await movePictures({
      source: createFsImageStore({ folder: join(dataDir, 'images') }),
      target: bucket.images,
      folder: join(dataDir, 'moving'),
      list: join(dataDir, 'moved-pictures.txt'),
      onMoved,
    });
  } finally {
    await bucket.close();
  }
};

/** Pictures of rows that are not among these files. */
const withoutFile = (source: DatabaseSync, keys: ReadonlySet<string>): readonly string[] => {
  const lost: string[] = [];
  for (const row of source.prepare('select file_key from images order by id').iterate()) {
    const key = String(row['file_key']);
    if (!keys.has(key)) lost.push(key);
  }
  return lost;
};

/**
 * Moves what was ordered. A move that was broken off, however, is gone on with by the same order: nothing comes twice,
 * and nothing is missing at the end.
 *
 * @throws FolderHeld when a process works on the data folder.
 * @throws CannotMove when the target has other data, or is not the same at the end.
 */
export const moveData = async (
  config: Config,
  order: MoveOrder,
  parts: { readonly clock: Clock; readonly logger: Logger; readonly onMoved: OnMoved },
): Promise<Moved> => {
  const { dataDir, database } = config;
  if (!existsSync(dataDir)) throw new CannotMove(`There is no data folder ${dataDir}.`);
  const lock = lockFolder(dataDir, parts.clock.nowMs());
  let pictures: PicturesMoved | undefined;
  let lost: readonly string[] = [];
  try {
    let tables: TablesMoved | undefined;
    if (order.tables) {
      if (database.kind !== 'postgres') throw new CannotMove('DATABASE_URL says where to; it is not set.');
      tables = await moveTables({
        dataDir,
        url: database.url.reveal(),
        onMoved: parts.onMoved,
        beforeEnd: async (source) => {
          if (!order.pictures) return;
          pictures = await copyToBucket(config, parts);
          lost = withoutFile(source, pictures.keys);
        },
      });
    } else if (order.pictures) pictures = await copyToBucket(config, parts);
    return told({ tables, pictures, lost });
  } finally {
    lock.release();
  }
};

const told = ({
  tables,
  pictures,
  lost,
}: {
  readonly tables: TablesMoved | undefined;
  readonly pictures: PicturesMoved | undefined;
  readonly lost: readonly string[];
}): Moved => {
  if (pictures === undefined) return { ...(tables !== undefined && { tables }), lost };
  const { keys: _, ...shown } = pictures;
  return { ...(tables !== undefined && { tables }), pictures: shown, lost };
};
