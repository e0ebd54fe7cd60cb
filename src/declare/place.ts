import { isAbsolute, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EvenkeelError, type ErrorCode, type Place } from '../errors.ts';
import { attempt } from './fault.ts';

/** A path as a person would type it: from the working directory where it lies below it. */
export function shown(path: string): string {
  const near = relative(process.cwd(), path);
  return near === '' || near.startsWith('..') || isAbsolute(near) ? path : near;
}

/** Where `callee` was called from, so that errors in TypeScript definitions have a line as those in SQL do. */
export function calledFrom(callee: (...args: never[]) => unknown): Place | undefined {
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, callee);
  const frame = holder.stack?.split('\n').find(line => /^\s+at /.test(line)) ?? '';
  // `at name (file:1:2)` or `at file:1:2`
  const named = /^\s+at .*? \((.*):(\d+):\d+\)$/.exec(frame);
  const [, where, line] = named ?? /^\s+at (?:async )?(.*):(\d+):\d+$/.exec(frame) ?? [];
  if (!where || where.startsWith('node:')) return undefined;
  const file = where.startsWith('file://') ? fileURLToPath(where) : where;
  // Lines survive the loader's stripping of types, columns don't.
  return { file: shown(file), line: Number(line) };
}

/** What a function that users call makes; what is wrong with it is said at the line of their call. */
export function placed<T>(
  code: ErrorCode,
  callee: (...args: never[]) => unknown,
  make: () => T,
  before = '',
): T {
  const tried = attempt(make);
  if ('value' in tried) return tried.value;
  const { message, hint } = tried.fault;
  const place = calledFrom(callee);
  throw new EvenkeelError(code, `${before}${message}`, hint === undefined ? { place } : { place, hint });
}
