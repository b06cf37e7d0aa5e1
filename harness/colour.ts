/**
 * Colours for standard error and standard output, each as its own stream can show them: a log beside a terminal gets none.
 * NO_COLOR (no-color.org) takes all away; chalk does not know it.
 */
import { Chalk, type ChalkInstance, supportsColor, supportsColorStderr } from 'chalk';

const isOff = (process.env.NO_COLOR ?? '') !== '';

export const onStdout: ChalkInstance = new Chalk({ level: isOff || !supportsColor ? 0 : supportsColor.level });
export const onStderr: ChalkInstance = new Chalk({ level: isOff || !supportsColorStderr ? 0 : supportsColorStderr.level });
