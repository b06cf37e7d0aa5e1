/**
 * A planted fault: namespaces are looked for after a poll instead of before it, so that a new one is read from its second poll on. Those that were
 * there at the first look are read at once. Loaded before the daemon, which knows nothing of it.
 */
const { Patience } = await import('../../../dist/collector/patience.js');
const { withoutNamespaces } = await import('../../../dist/native/index.js');

const { due } = Patience.prototype;
let known;
Patience.prototype.due = function (namespaces) {
  const found = Array.from({ length: namespaces.length }, (_, i) => namespaces.at(i).path);
  const before = known ?? new Set(found);
  known = new Set(found);
  const news = [...found.keys()].filter((i) => !before.has(found[i]));
  return due.call(this, withoutNamespaces(namespaces, news));
};
