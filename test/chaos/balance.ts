/** The books after a run: what was accepted, what was paid, what is there. */
import type { TaskView } from '../../src/http/routes/generations/schema.ts';
import type { Charge } from '../../upstreams/ledger.ts';
import type { DataFolder } from '../support/data-folder.ts';

/** What a run left. */
export interface Books {
  readonly folder: DataFolder;
  /** Ended tasks by the word that only their prompt has. */
  readonly ended: ReadonlyMap<string, TaskView>;
  readonly charges: readonly (Charge & { readonly vendor: string })[];
}

/** Balances them. @returns the sums, and a sentence for whatever does not add up. */
export const balance = async ({ folder, ended, charges }: Books) => {
  const tasks = [...ended.values()];
  const faults: string[] = [];
  let stored = 0;
  let reported = 0;
  for (const [word, task] of ended) {
    const paid = charges.filter(({ prompt }) => prompt.includes(word));
    const calls = folder.calls(task.task_id);
    // Of a cancelled task, calls stay as they were.
    const isOpen = task.error?.code === 'cancelled';
    const made = calls.filter(({ state }) => state === 'stored').length;
    const doubtful = calls.filter(
      ({ state, charged }) =>
        (state === 'failed' && charged !== 'no') ||
        (isOpen && ['sending', 'accepted', 'produced'].includes(state)),
    ).length;
    if (task.status === 'completed' && (task.images?.length ?? 0) === 0)
      faults.push(`${task.task_id} is completed without a picture`);
    if (task.model === 'sandbox') continue;
    stored += made;
    reported += doubtful;
    if (paid.length < made || paid.length > made + doubtful) {
      faults.push(
        `${task.task_id} (${task.model}, ${task.error?.code ?? task.status}): ${paid.length} charges for ` +
          `${made} stored and ${doubtful} reported calls: ${JSON.stringify(calls)} ${JSON.stringify(paid)}`,
      );
    }
    const repeated = paid.filter(
      ({ callerId }, place) =>
        callerId !== undefined && paid.findIndex((other) => other.callerId === callerId) !== place,
    );
    if (repeated.length > 0)
      faults.push(`${task.task_id}: a call was charged twice: ${JSON.stringify(repeated)}`);
  }
  const completed = tasks.filter(({ status }) => status === 'completed').length;
  const failed = tasks.filter(({ status }) => status === 'failed').length;
  const rows = folder.rows();
  // References are gone with the end of their tasks.
  const files = await folder.files('images');
  const spooled = await folder.files('spool');
  const check = (holds: boolean, sentence: string): void => {
    if (!holds) faults.push(sentence);
  };
  check(tasks.length === completed + failed, 'accepted is not completed and failed');
  check(rows.tasks === tasks.length, `${rows.tasks} tasks are stored and ${tasks.length} were accepted`);
  check(rows.jobs === 0, `${rows.jobs} jobs are left`);
  check(files.length === rows.images, `${files.length} pictures on disk and ${rows.images} in the database`);
  check(spooled.length === 0, `${spooled.length} files are left in the spool`);
  const codes = Object.fromEntries(
    [...Map.groupBy(tasks, (task) => task.error?.code ?? task.status)].map(([code, of]) => [code, of.length]),
  );
  return {
    faults,
    sums: {
      accepted: tasks.length,
      completed,
      failed,
      codes,
      charges: charges.length,
      'calls stored': stored,
      'calls reported as paid or unknown': reported,
      'pictures on disk': files.length,
      'pictures in the database': rows.images,
    },
  };
};
