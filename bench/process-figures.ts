import { readFileSync } from 'node:fs';

/** Clock ticks a second in `/proc/<pid>/stat`; 100 on every Linux that Node runs on (proc(5), USER_HZ). */
const TICKS_A_SECOND = 100;

/** CPU time of a process with all its threads, so far. */
export const cpuMs = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_A_SECOND;
};

const statusMiB = (pid: number, name: 'VmHWM' | 'VmRSS'): number => {
  const match = new RegExp(`${name}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match?.[1]) / 1024;
};

/** Memory that a process has resident now, in MiB. */
export const residentMiB = (pid: number): number => statusMiB(pid, 'VmRSS');

/** Most memory that a process ever had resident, in MiB. */
export const peakMiB = (pid: number): number => statusMiB(pid, 'VmHWM');
