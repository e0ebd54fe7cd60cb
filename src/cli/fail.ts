import { masked } from '../config.ts';
import { translate } from '../db/translate.ts';
import { EvenkeelError, EvenkeelErrors } from '../errors.ts';
import { clean } from '../show/text.ts';
import { wrap } from './text.ts';

/** The errors that a person can act on; undefined: a bug. */
export function known(error: unknown, url: string | undefined): readonly EvenkeelError[] | undefined {
  if (error instanceof EvenkeelErrors) return error.errors;
  const one = translate(error, url);
  return one instanceof EvenkeelError ? [one] : undefined;
}

const withoutUrls = (text: string): string => text.replace(/\b\w+:\/\/\S+/g, masked);

/** For people, on standard error. */
export function report(error: unknown, url: string | undefined, debug: boolean): string {
  const errors = known(error, url);
  if (errors) return errors.map(describeOne).join('\n');
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const stack =
    debug && error instanceof Error && error.stack ? `\n${error.stack.replace(/^.*?\n(?=\s+at )/s, '')}` : '';
  const hint = debug ? '' : '\n  EVENKEEL_LOG=debug shows where.';
  return `bug: ${clean(withoutUrls(text))}\n  This is a fault in Evenkeel, not in your data; nothing was left half done.${hint}${stack}`;
}

export function describeOne(error: EvenkeelError): string {
  return [
    ...fitted(`error[${error.code}]: ${clean(error.located)}`, ''),
    ...(error.hint ? fitted(`hint: ${clean(error.hint)}`, '  ') : []),
    `  docs/errors/${error.code}.md`,
  ].join('\n');
}

/** Broken at spaces for a terminal; one line for whatever searches it. */
function fitted(text: string, indent: string): string[] {
  const lines = process.stderr.isTTY ? wrap(text, process.stderr.columns - indent.length) : [text];
  return lines.map(line => `${indent}${line}`);
}

/** The same for a program, on standard output. */
export function failure(error: unknown, url: string | undefined): unknown {
  const errors = known(error, url);
  if (!errors)
    return {
      errors: [{ code: 'bug', message: error instanceof Error ? withoutUrls(error.message) : 'unknown' }],
    };
  return {
    errors: errors.map(({ code, message, hint, retry, place }) => ({
      code,
      message,
      hint,
      retry,
      place: place ?? null,
    })),
  };
}
