/** A planted fault: SIGTERM ends it where it stands, and what it has read and not handed on is gone. Loaded before the daemon, which knows nothing of it. */
process.prependListener('SIGTERM', () => process.exit(70));
