import { didYouMean } from './guess.ts';
import { Fault } from './fault.ts';

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof units;
const longest = 3650 * units.d;

/** `250ms`, `10s`, `5m`, `1h`, `2d` → milliseconds, at least `least` of them and at most ten years. */
export function duration(text: string, least = 0): number {
  const [, digits, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(text) ?? [];
  if (digits === undefined) {
    const hint = 'Write a whole number and a unit: 250ms, 10s, 5m, 1h or 2d.';
    throw new Fault(`'${text}' is not a duration`, { hint });
  }
  const ms = Number(digits) * units[unit as Unit];
  if (ms < least) throw new Fault(`'${text}' is too short: at least ${durationText(least)}`);
  if (ms > longest) throw new Fault(`'${text}' is too long: at most ${durationText(longest)}`);
  return ms;
}

/** Milliseconds in the largest unit that holds them exactly. */
export function durationText(ms: number): string {
  const unit = (['d', 'h', 'm', 's'] as const).find(name => ms % units[name] === 0) ?? 'ms';
  return ms === 0 ? '0s' : `${ms / units[unit]}${unit}`;
}

/** `N/hour` → N; `none` → null. */
export function guard(text: string): number | null {
  if (text === 'none') return null;
  const [, digits] = /^(\d+)\/hour$/.exec(text) ?? [];
  const hint = 'Write `N/hour`, such as 100/hour, or `none`.';
  if (digits === undefined)
    throw new Fault(`'${text}' is not a guard${didYouMean(text, ['none'])}`, { hint });
  const rows = Number(digits);
  if (rows === 0) throw new Fault('0/hour would never heal', { hint: 'Write `mode: observe`.' });
  if (rows > 2_147_483_647) throw new Fault(`'${text}' is too many: at most 2147483647/hour`, { hint });
  return rows;
}

/** One of a few words. */
export function oneOf<const Word extends string>(...words: Word[]): (text: string) => Word {
  return text => {
    const found = words.find(word => word === text);
    if (found !== undefined) return found;
    throw new Fault(`expected ${words.join(' or ')}, found '${text}'${didYouMean(text, words)}`);
  };
}

export const mode = oneOf('observe', 'heal');
export const form = oneOf('should', 'broken');

/** Names end up in tables, URLs, file names and shells: letters, digits, `_` and `-`. */
export function name(text: string, of = 'an invariant'): string {
  if (/^[a-z0-9][a-z0-9_-]{0,62}$/i.test(text)) return text;
  throw new Fault(`'${text}' can't be the name of ${of}`, {
    hint: 'Use up to 63 letters, digits, - and _, beginning with a letter or a digit.',
  });
}

/** One sentence on one line. */
export function sentence(text: string): string {
  const said = text.trim().replace(/\s+/g, ' ');
  if (said === '') throw new Fault('there is no text');
  return said;
}
