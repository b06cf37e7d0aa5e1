/**
 * A planted fault: the namespace that the daemon lives in itself is left out of every poll, as by a reader that knows the directories of bind mounts
 * alone. Loaded before the daemon, which knows nothing of it.
 */
const { Patience } = await import('../../../dist/collector/patience.js');
const { withoutNamespaces } = await import('../../../dist/native/index.js');

const { due } = Patience.prototype;
Patience.prototype.due = function (namespaces) {
  const own = Array.from({ length: namespaces.length }, (_, i) => i).filter((i) => namespaces.at(i).name === 'host');
  return due.call(this, withoutNamespaces(namespaces, own));
};
