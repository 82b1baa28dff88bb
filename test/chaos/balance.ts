/** The books after a run: what was accepted, what was paid, what is there, who was told. */
import type { TaskView } from '../../src/http/routes/generations/schema.ts';
import type { Charge } from '../../upstreams/ledger.ts';
import type { DataFolder, StoredCall } from '../support/data-folder.ts';
import type { ReceivedWebhook } from '../support/webhook-receiver.ts';

/** An accepted task at its end. */
export interface Ended {
  readonly task: TaskView;
  /** Whether its request named an address of its own. */
  readonly hasWebhook: boolean;
}

/** What a run left. */
export interface Books {
  readonly folder: DataFolder;
  /** By the word that only the task's prompt has. */
  readonly ended: ReadonlyMap<string, Ended>;
  /** By that word. */
  readonly charges: ReadonlyMap<string, readonly Charge[]>;
  /** What was received and taken, with 2xx, at the address of the task and at the endpoint of its key. */
  readonly taken: readonly ReceivedWebhook[];
  readonly paths: { readonly own: string; readonly endpoint: string };
}

/** Whether the vendor's charges for a call are known by something that the call carries. */
const isNamed = ({ callerId }: Charge): boolean => callerId !== undefined;

/** Whether the database says that the call was or may have been paid, although no picture is stored. */
const isReported = ({ state, charged }: StoredCall): boolean => state === 'failed' && charged !== 'no';

/** The charges of one task against its calls. @returns a sentence for whatever does not add up. */
const auditTask = (task: TaskView, calls: readonly StoredCall[], charges: readonly Charge[]): string[] => {
  const faults: string[] = [];
  const stored = calls.filter(({ state }) => state === 'stored');
  const payable = [...stored, ...calls.filter(isReported)];
  const isOpen = calls.some(({ state }) => state !== 'stored' && state !== 'failed');
  if (isOpen) faults.push('it has open calls');
  const named = charges.filter(isNamed);
  for (const call of calls.filter(({ provider }) => provider !== 'jimeng' && provider !== 'sandbox')) {
    const times = named.filter(({ callerId }) => callerId === call.id).length;
    const [least, most] = [stored.includes(call) ? 1 : 0, payable.includes(call) ? 1 : 0];
    if (times < least || times > most)
      faults.push(`${call.id} is ${call.state} and was charged ${times} times`);
  }
  const strangers = named.filter(({ callerId }) => !calls.some(({ id }) => id === callerId));
  if (strangers.length > 0) faults.push(`${strangers.length} charges are for no call of it`);
  // Jimeng takes no id with a call. A task's calls differ in their seeds.
  const ofJimeng = charges.filter((charge) => !isNamed(charge));
  const count = (some: readonly StoredCall[]): number =>
    some.filter(({ provider }) => provider === 'jimeng').length;
  if (ofJimeng.length < count(stored) || ofJimeng.length > count(payable))
    faults.push(`${ofJimeng.length} charges for ${count(stored)} to ${count(payable)} calls`);
  if (new Set(ofJimeng.map(({ seed }) => seed)).size < ofJimeng.length)
    faults.push('the same picture was charged twice');
  if (task.status === 'completed' && (task.images?.length ?? 0) === 0)
    faults.push('it is completed without a picture');
  return faults.length === 0
    ? []
    : [
        `${task.task_id} (${task.model}, ${task.error?.code ?? task.status}): ${faults.join('; ')}: ` +
          `${JSON.stringify(calls)} ${JSON.stringify(charges)}`,
      ];
};

/** What was told of one ending. @returns a sentence for whatever does not add up. */
const auditTelling = (
  { task, hasWebhook }: Ended,
  told: readonly ReceivedWebhook[],
  paths: Books['paths'],
): string[] =>
  [
    { path: paths.own, wanted: hasWebhook ? 1 : 0 },
    { path: paths.endpoint, wanted: 1 },
  ].flatMap(({ path, wanted }) => {
    const there = told.filter((webhook) => webhook.path === path);
    const ids = new Set(there.map(({ id }) => id)).size;
    const isTrue = there.every(({ event }) => event.type === `task.${task.status}`);
    return ids === wanted && isTrue
      ? []
      : [`${task.task_id} (${task.status}) was told to ${path} under ${ids} ids: ${JSON.stringify(there)}`];
  });

/** Balances them. @returns the sums, and a sentence for whatever does not add up. */
export const balance = async ({ folder, ended, charges, taken, paths }: Books) => {
  const tasks = [...ended.values()].map(({ task }) => task);
  const toldOf = Map.groupBy(taken, ({ event }) => event.data.task_id);
  const calls = tasks.flatMap(({ task_id: id }) => folder.calls(id));
  const callsOf = Map.groupBy(calls, ({ taskId }) => taskId);
  const faults = [...ended].flatMap(([word, each]) => [
    ...auditTask(each.task, callsOf.get(each.task.task_id) ?? [], charges.get(word) ?? []),
    ...auditTelling(each, toldOf.get(each.task.task_id) ?? [], paths),
  ]);
  const check = (holds: boolean, sentence: string): void => {
    if (!holds) faults.push(sentence);
  };
  const completed = tasks.filter(({ status }) => status === 'completed').length;
  const failed = tasks.filter(({ status }) => status === 'failed').length;
  const rows = folder.rows();
  // References are gone with the end of their tasks.
  const files = await folder.files('images');
  const spooled = await folder.files('spool');
  const paid = calls.filter(({ provider }) => provider !== 'sandbox');
  const stored = paid.filter(({ state }) => state === 'stored').length;
  const reported = paid.filter(isReported).length;
  const charged = [...charges.values()].flat().length;
  const unknownWords = [...charges.keys()].filter((word) => !ended.has(word));
  check(tasks.length === completed + failed, 'accepted is not completed and failed');
  check(rows.tasks === tasks.length, `${rows.tasks} tasks are stored and ${tasks.length} were accepted`);
  check(rows.jobs === 0, `${rows.jobs} jobs are left`);
  check(files.length === rows.images, `${files.length} pictures on disk and ${rows.images} in the database`);
  check(spooled.length === 0, `${spooled.length} files are left in the spool: ${spooled.join(', ')}`);
  check(unknownWords.length === 0, `charges for nobody: ${unknownWords.join(', ')}`);
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
      charges: charged,
      'of stored calls': stored,
      'of calls reported as paid or unknown': charged - stored,
      'calls reported as paid or unknown': reported,
      'pictures on disk': files.length,
      'pictures in the database': rows.images,
      'webhook ids': new Set(taken.map(({ id }) => id)).size,
      'webhooks taken': taken.length,
    },
  };
};
