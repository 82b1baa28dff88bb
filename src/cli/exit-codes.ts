/** What the process ends with; documented in `docs/cli.md`. */
export const exitCodes = {
  ok: 0,
  /** The command did not do what it was asked. */
  failure: 1,
  /** The command line or the configuration is wrong. */
  usage: 2,
  /** Another process works on the data folder. */
  folderHeld: 3,
  /** Stopped by Ctrl-C, as shells count it. */
  interrupted: 130,
} as const;
