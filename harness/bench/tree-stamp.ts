/** Whether what is being measured stays what it was: a build in another terminal would mix two versions in one sample. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Changes when any compiled file below `root` does. */
export function treeStamp(root: string): string {
  const hash = createHash('sha256');
  for (const folder of ['dist', 'native/build']) {
    const path = join(root, folder);
    if (!existsSync(path)) continue;
    for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !/\.(js|node)$/.test(entry.name)) continue;
      const file = join(entry.parentPath, entry.name);
      const { mtimeMs, size } = statSync(file);
      hash.update(`${file}\0${mtimeMs}\0${size}\0`);
    }
  }
  return hash.digest('hex');
}
