/** Which schema a table of ours is of. It stands in the table's comment, where every client sees it. */

/** Raised whenever a file of this folder changes in a way that an older daemon or table would trip over. */
export const SCHEMA_VERSION = 1;

export const SCHEMA_COMMENT = 'netsoak schema';

/** Undefined for a table that is none of ours. */
export function schemaVersionOf(comment: string): number | undefined {
  const match = /^netsoak schema (\d+)\b/.exec(comment);
  return match === null ? undefined : Number(match[1]);
}
