import type { Answer, Call, Subject } from '../declare/call.ts';
import { what } from '../declare/sql.ts';
import { describe } from '../db/pool.ts';
import { type Errand, Failed, Refused } from './errand.ts';

/** What asking an upstream came to. */
export type Ended<T> =
  | { readonly did: 'answered'; readonly answer: T }
  | { readonly did: 'refused'; readonly why: string; readonly ms: number }
  | { readonly did: 'failed'; readonly why: string; readonly known: boolean };

/** A user's function on an errand. It never throws, and is over when the errand's time is, whatever the function does. */
export async function asking<T>(errand: Errand, ask: () => Promise<T>): Promise<Ended<T>> {
  const { signal } = errand;
  try {
    const over = new Promise<never>((_, reject) => {
      const reason = () => reject(signal.reason as Error);
      if (signal.aborted) reason();
      else signal.addEventListener('abort', reason, { once: true });
    });
    const asked = ask();
    // Whoever ignores the signal is waited for by nobody.
    asked.catch(() => {});
    return { did: 'answered', answer: await Promise.race([asked, over]) };
  } catch (error) {
    // Its own words may only say that a request failed.
    const refused = errand.refused ?? (error instanceof Refused ? error : undefined);
    if (refused) return { did: 'refused', why: refused.message, ms: refused.ms };
    const failed = error instanceof Failed ? error : errand.failed;
    const said = describe(error);
    const why = failed && failed.message !== said ? `${failed.message}: ${said}` : said;
    return { did: 'failed', why: why.slice(0, 1_000), known: failed?.known ?? false };
  } finally {
    await errand.close().catch(() => {});
  }
}

/** Runs a handler: an answer for each. */
export const handle = (
  call: Call,
  subjects: readonly Subject[],
  errand: Errand,
): Promise<Ended<readonly (Answer | Failed)[]>> =>
  asking(errand, async () => answersOf(call, subjects, await run(call, subjects, errand)));

function run({ run: handler, batch }: Call, subjects: readonly Subject[], errand: Errand): unknown {
  if (!handler) throw new Failed('its handler is not loaded', true);
  const asked = handler as (given: unknown, upstream: Errand) => unknown;
  return asked(batch === undefined ? subjects[0] : subjects, errand);
}

function answersOf({ batch }: Call, subjects: readonly Subject[], given: unknown): (Answer | Failed)[] {
  if (batch === undefined) return [answerOf(given)];
  if (!Array.isArray(given))
    throw new Failed(`the handler returned ${what(given)}, not an array with an answer for each violation`);
  if (given.length !== subjects.length)
    throw new Failed(`the handler returned ${given.length} answers to ${subjects.length} violations`);
  return given.map(answerOf);
}

const allowed = ['set', 'assign', 'remove', 'park'];

function answerOf(given: unknown): Answer | Failed {
  const verb = (given as { do?: unknown } | null | undefined)?.do;
  if (typeof verb === 'string' && allowed.includes(verb)) return given as Answer;
  if (verb === 'append' || verb === 'insert')
    return new Failed('the handler answered with insert: it decides on its own row only', true);
  return new Failed(
    `the handler returned ${what(given)}, not set(…), remove() or park(reason)`,
    given !== undefined,
  );
}
