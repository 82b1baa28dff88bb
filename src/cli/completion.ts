import type { Command } from 'commander';

const SCRIPT = 'completion';
/** What the scripts ask while somebody types. */
const QUESTION = 'complete';

/**
 * Adds `completion <shell>`, which prints the script for a shell, and what the script asks. The library that does both is
 * loaded only for them; it learns the commands and options from the program itself.
 */
export const addCompletion = async (program: Command, args: readonly string[]): Promise<void> => {
  if (args[0] === SCRIPT || args[0] === QUESTION) {
    const { default: tab } = await import('@bomb.sh/tab/commander');
    tab(program, { completionCommandName: SCRIPT });
  } else {
    program
      .command(`${SCRIPT} <shell>`)
      .description('Print the script that completes commands in bash, zsh, fish or powershell.');
  }
};
