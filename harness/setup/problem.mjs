/**
 * What may go wrong in set-up, as a sentence with its cure. The harness has an error class of its own, but that is
 * TypeScript and not built yet when this runs; owners and exit codes are the same (harness/errors.ts).
 */
const EXIT_OF = { user: 64, infra: 3, harness: 3 };

export class Problem extends Error {
  /**
   * @param {string} message what is wrong
   * @param {string[]} cure lines that say what to do
   * @param {'user' | 'infra' | 'harness'} owner who has to mend it
   */
  constructor(message, cure, owner = 'infra') {
    super(message);
    this.cure = cure;
    this.owner = owner;
  }
}

/** Runs a program's main function; a {@link Problem} becomes its sentence and exit code, anything else keeps its stack. */
export async function runMain(main) {
  try {
    process.exitCode = await main();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    console.error(`netsoak: ${error.message} (owner: ${error.owner})`);
    for (const line of error.cure) console.error(`  ${line}`);
    process.exitCode = EXIT_OF[error.owner];
  }
}
