/**
 * A planted fault: a reader that knows two states, as readers do that were written for `ss -t` and `ss -tl`; what is half closed does not exist for it.
 * Loaded before the daemon, which is told to read no others.
 */
process.argv.push('--states', 'established,listening');
