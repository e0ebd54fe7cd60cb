import { setTimeout as delay } from 'node:timers/promises';

export interface Waiting {
  /** What is waited for, as the end of a sentence; part of the error. */
  what: string;
  /** Default: 20 seconds. */
  timeoutMs?: number;
}

/**
 * Asks again and again until the answer is truthy, and resolves to it. The only timer in the tests: what a test
 * needs is a condition, never a pause. An error of `ask` is an error of the test.
 */
export async function until<T>(
  ask: () => T | Promise<T>,
  { what, timeoutMs = 20_000 }: Waiting,
): Promise<T & {}> {
  const deadline = performance.now() + timeoutMs;
  for (let pause = 2; ; pause = Math.min(pause * 1.5, 50)) {
    const answer = await ask();
    if (answer) return answer;
    if (performance.now() > deadline) {
      throw new Error(`Waited ${timeoutMs} ms for ${what}; the last answer was ${JSON.stringify(answer)}`);
    }
    await delay(pause);
  }
}
