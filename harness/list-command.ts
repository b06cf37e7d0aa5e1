/** `netsoak list`. */
import { onStdout } from './colour.js';
import { EXIT } from './exit.js';
import { loadScenarios } from './scenarios.js';

export async function listCommand(flags: { readonly json?: boolean }): Promise<number> {
  const found = await loadScenarios();
  if (flags.json) {
    const plain = found.map(({ scenario: { name, story, targets, settings } }) => ({ name, story, targets, settings }));
    process.stdout.write(`${JSON.stringify(plain, null, 2)}\n`);
    return EXIT.pass;
  }
  for (const { scenario } of found) {
    process.stdout.write(
      `${onStdout.bold(scenario.name)}  ${onStdout.dim(`targets: ${scenario.targets.join(', ')}`)}\n  ${scenario.story}\n`,
    );
    for (const [name, setting] of Object.entries(scenario.settings)) {
      const slow = setting.whenSlow === undefined ? '' : `; ${setting.whenSlow} on a slow target`;
      process.stdout.write(`    --set ${name}=${setting.default}  ${onStdout.dim(`${setting.help}${slow}`)}\n`);
    }
  }
  return EXIT.pass;
}
