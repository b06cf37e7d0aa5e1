/** The workflow that users copy: it is YAML that GitHub takes, and it says nothing to netsoak that netsoak does not know. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { PROJECT } from '../project.js';
import { namesOfShard, parseShard } from '../shard.js';
import { parseDuration } from '../units.js';

const FILE = 'harness/ci/example-workflow.yml';
const Step = z.union([
  z.strictObject({
    uses: z.string().regex(/^[\w-]+\/[\w-]+@v\d+$/),
    if: z.string().optional(),
    with: z.record(z.string(), z.string()).optional(),
  }),
  z.strictObject({ run: z.string(), name: z.string().optional(), env: z.record(z.string(), z.string()).optional() }),
]);
const Workflow = z.object({
  on: z.object({ pull_request: z.null() }),
  permissions: z.object({ contents: z.literal('read') }),
  env: z.object({ SHARDS: z.number() }),
  jobs: z.record(
    z.string(),
    z.object({
      'runs-on': z.string(),
      needs: z.string().optional(),
      strategy: z.object({ matrix: z.object({ shard: z.array(z.number()) }) }).optional(),
      steps: z.array(Step),
    }),
  ),
});

const workflow = Workflow.parse(parse(readFileSync(join(PROJECT, FILE), 'utf8')));
const commands = Object.values(workflow.jobs).flatMap(({ steps }) => steps.flatMap((step) => ('run' in step ? [step.run] : [])));
const scripts = (JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8')) as { scripts: Record<string, string> }).scripts;

describe('the example workflow', () => {
  const netsoak = commands.filter((command) => command.startsWith('npm exec netsoak -- '));

  it('runs, reports and judges', () => {
    expect(netsoak.map((command) => command.split(' ')[4])).toEqual(['doctor', 'run', 'report', 'verdict']);
    expect(commands.length - netsoak.length).toBe(2);
    for (const command of commands.filter((one) => !netsoak.includes(one))) expect(scripts).toHaveProperty(command.split(' ')[2] ?? '');
  });

  it.each(netsoak)('%s', (command) => {
    const [, , , , name = '', ...words] = command.split(/\s+/);
    const help = execFileSync(process.execPath, [join(PROJECT, 'dist/harness/cli.js'), name, '--help'], { encoding: 'utf8' });
    for (const flag of words.filter((word) => word.startsWith('--'))) expect(help).toMatch(new RegExp(`^  ${flag}\\b`, 'm'));
  });

  it('has a job for each shard', () => {
    const shards = workflow.jobs.soak?.strategy?.matrix.shard ?? [];
    const names = ['a', 'b', 'c', 'd', 'e'];
    expect(shards.flatMap((shard) => namesOfShard(names, parseShard(`${shard}/${workflow.env.SHARDS}`))).sort()).toEqual(names);
  });

  it('names durations that are durations', () => {
    const text = readFileSync(join(PROJECT, FILE), 'utf8');
    const durations = [...text.matchAll(/'(\d+[smh])'|default: (\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
    expect(durations.length).toBeGreaterThan(2);
    for (const duration of durations) expect(parseDuration(duration), duration).toBeGreaterThan(0);
  });

  it('is where README says', () => expect(readFileSync(join(PROJECT, 'README.md'), 'utf8')).toContain(`(${FILE})`));
});
