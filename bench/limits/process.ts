/** Processes that send as much as they may: how they are told what to do, and how they end. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface Task {
  readonly database: string;
  /** Undefined: the machine has no Redis. */
  readonly redis: string | undefined;
  readonly upstream: string;
  readonly name: string;
  /** Requests a second, of all processes together. */
  readonly rate: number;
  /** Its part of that, where each has one. */
  readonly share: number;
  /** Requests under way in each. */
  readonly beside: number;
}

/** By then processes are warm, and what is learned is learned; ms. */
export const warmMs = 25_000;

/** In the process itself: what it was told. It ends with its parent. */
export function task(): Task {
  process.on('disconnect', () => process.exit());
  return JSON.parse(process.argv[2] ?? '{}') as Task;
}

/** Does it again and again, so many times beside each other, and says that it began. */
export async function loops(beside: number, once: () => Promise<unknown>): Promise<never> {
  process.send?.('ready');
  await Promise.all(
    Array.from({ length: beside }, async () => {
      for (;;) await once();
    }),
  );
  throw new Error('it never ends');
}

/** So many of one kind, ready. */
export async function started(
  file: string,
  given: Omit<Task, 'share'>,
  count: number,
): Promise<ChildProcess[]> {
  const children = Array.from({ length: count }, (_, i) =>
    forked(file, { ...given, share: Math.floor((given.rate + i) / count) }),
  );
  await Promise.all(children.map(said));
  return children;
}

export const forked = (file: string, given: object): ChildProcess =>
  fork(fileURLToPath(new URL(file, import.meta.url)), [JSON.stringify(given)]);

/** Its next message. @throws where it ends first */
export async function said<T>(child: ChildProcess): Promise<T> {
  const gone = new AbortController();
  try {
    const over = once(child, 'exit', { signal: gone.signal }).then(([code]) => {
      throw new Error(`a process ended with ${String(code)}`);
    });
    return await Promise.race([
      once(child, 'message', { signal: gone.signal }).then(([message]) => message as T),
      over,
    ]);
  } finally {
    gone.abort();
  }
}

export async function asked<T>(child: ChildProcess, message: object | string): Promise<T> {
  child.send(message);
  return said<T>(child);
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const over = once(child, 'exit');
  child.disconnect();
  await over;
}
