import { pino } from 'pino';
import type { Config } from '../config.ts';
import { type Log, createLog } from '../log.ts';
import { clean } from './text.ts';

/** Log lines on standard error: JSON for machines, plain lines for a person at a terminal. */
export function cliLog(level: Config['log']): Log {
  if (!process.stderr.isTTY) return createLog(level);
  const write = (line: string) => {
    const { level, msg, hint } = JSON.parse(line) as { level: number; msg?: string; hint?: string };
    const time = new Date().toTimeString().slice(0, 8);
    const mark = level >= 50 ? 'error: ' : level >= 40 ? 'warning: ' : '';
    process.stderr.write(`${time}  ${mark}${clean(msg ?? '')}${hint ? `\n          ${clean(hint)}` : ''}\n`);
  };
  return pino({ level: level === 'quiet' ? 'error' : level, base: null }, { write });
}
