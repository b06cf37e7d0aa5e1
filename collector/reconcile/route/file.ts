/** The file of wanted routes: a YAML or JSON list of route specs. What it lists is wanted, what it listed before is withdrawn. */
import { type IntendedRoute, intend, routeSpec } from './spec.js';

/** JSON is YAML, but the parser that knows both takes half a minute and 500 MB for 100,000 routes. */
async function parseText(text: string): Promise<unknown> {
  if (text.trimStart().startsWith('[')) {
    try {
      return JSON.parse(text);
    } catch {
      // A list in YAML's other spelling, or broken: its parser says where.
    }
  }
  const { parse } = await import('yaml');
  return parse(text) ?? [];
}

/** @throws Error that names the entry and what is wrong with it; nothing is taken from a file that is wrong anywhere */
export async function parseRoutes(text: string): Promise<ReadonlyMap<string, IntendedRoute>> {
  const list = await parseText(text);
  if (!Array.isArray(list)) throw new Error('routes: expected a list such as "- {to: 203.0.113.0/24, via: 10.0.0.1}"');
  const routes = new Map<string, IntendedRoute>();
  for (const [at, written] of list.entries()) {
    const spec = routeSpec.safeParse(written);
    if (!spec.success) {
      const [issue] = spec.error.issues;
      throw new Error(`routes: entry ${at + 1}${issue === undefined ? '' : ` (${issue.path.join('.')}): ${issue.message}`}`);
    }
    const intended = intend(spec.data);
    if (routes.has(intended.key))
      throw new Error(`routes: entry ${at + 1} has the same key as an earlier one (${intended.key}): the kernel can hold only one`);
    routes.set(intended.key, intended);
  }
  return routes;
}
