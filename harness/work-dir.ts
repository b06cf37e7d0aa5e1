/** The folder of a run's sockets and temporary files: how it is called, and how it tells whose it is if it outlives the run. */

/** Its name in the folder of temporary files, up to a random end. */
export const WORK_DIR = 'netsoak-run-';

/** File in one that was to be kept: the path of its run directory. It goes when that has gone. */
export const RUN_OF_WORK_DIR = 'run';
