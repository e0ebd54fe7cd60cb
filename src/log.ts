import { destination, pino, type Logger } from 'pino';
import type { Config } from './config.ts';

export type Log = Logger;

/** Structured lines on stderr; never row values. */
export function createLog(level: Config['log']): Log {
  return pino(
    { level: level === 'quiet' ? 'error' : level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    destination({ fd: 2, sync: true }),
  );
}
