import { pino } from 'pino';
import type { Config } from '../config.ts';
import { type Log, createLog } from '../log.ts';
import type { Meter } from './meter.ts';
import { clean } from '../show/text.ts';
import { wrap } from './text.ts';
import { clock } from '../show/time.ts';

/** Log lines on standard error: JSON for machines, plain lines for a person at a terminal. */
export function cliLog(level: Config['log'], meter: Meter): Log {
  if (!process.stderr.isTTY) return createLog(level);
  const write = (line: string) => {
    const { level, msg, code, hint } = JSON.parse(line) as {
      level: number;
      msg?: string;
      code?: string;
      hint?: string;
    };
    const mark = level >= 50 ? `error${code ? `[${code}]` : ''}: ` : level >= 40 ? 'warning: ' : '';
    const text = [`${mark}${clean(msg ?? '')}`, ...(hint ? [`hint: ${clean(hint)}`] : [])];
    const lines = text.flatMap(one => wrap(one, process.stderr.columns - 10));
    meter.above(lines.map((one, i) => `${i === 0 ? clock(new Date()) : ' '.repeat(8)}  ${one}`).join('\n'));
  };
  return pino({ level: level === 'quiet' ? 'error' : level, base: null }, { write });
}
