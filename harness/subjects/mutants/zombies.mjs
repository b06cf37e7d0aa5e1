/** A planted fault: a helper program that does not wait for its own. Loaded before the daemon, which knows nothing of it. */
import { spawn } from 'node:child_process';

// The shell starts a program and becomes one that never waits.
setTimeout(() => spawn('sh', ['-c', 'sleep 1 & exec sleep 86400'], { stdio: 'ignore' }).unref(), 5000).unref();
