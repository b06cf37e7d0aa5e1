/** The file that tells who lives: a YAML or JSON list of `id, tap, state, rate, class`. */
import { z } from 'zod/v3';
import type { Allocation } from './classify.js';
import { parseId } from './ids.js';

const BITS: Readonly<Record<string, number>> = { '': 1, kbit: 1e3, mbit: 1e6, gbit: 1e9 };

/** `10mbit` or bits a second as a number; in bytes a second. */
const rate = z.union([z.number().nonnegative(), z.string()]).transform((written, context) => {
  const match = /^(\d+(?:\.\d+)?)(kbit|mbit|gbit|)$/.exec(String(written));
  if (match !== null) return Math.floor((Number(match[1]) * (BITS[match[2] ?? ''] ?? 1)) / 8);
  context.addIssue({ code: 'custom', message: `${JSON.stringify(written)} is no rate such as 10mbit` });
  return z.NEVER;
});
const classId = z.string().transform((written, context) => {
  const id = parseId(written);
  if (id !== undefined) return id;
  context.addIssue({ code: 'custom', message: `${JSON.stringify(written)} is no class id such as 1:c` });
  return z.NEVER;
});

const schema = z.array(
  z
    .object({ id: z.string().min(1), tap: z.string().min(1).max(15), state: z.string(), rate: rate.default(0), class: classId.optional() })
    .strict()
    .transform(({ class: known = 0, ...rest }): Allocation => ({ ...rest, classId: known })),
);

/** @throws Error that names the entry and what is wrong with it */
export async function parseAllocations(text: string): Promise<readonly Allocation[]> {
  const { parse } = await import('yaml');
  const result = schema.safeParse(parse(text) ?? []);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new Error(`allocations: entry ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'wrong'}`);
}
