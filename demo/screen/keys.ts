/** On a terminal: `b` breaks something, `q` and Ctrl-C end the show. */
import type { ReadStream } from 'node:tty';

export interface Keys {
  /** Whether anybody can press one. */
  readonly there: boolean;
  onBreak(listener: () => void): void;
  close(): void;
}

export function listen(stdin: ReadStream, { end }: { end: () => void }): Keys {
  const listeners: (() => void)[] = [];
  const there = stdin.isTTY && process.stdout.isTTY;
  const press = (keys: Buffer) => {
    for (const key of keys.toString()) {
      if (key === '\x03' || key === 'q') end();
      if (key === 'b') for (const listener of listeners) listener();
    }
  };
  if (there) stdin.setRawMode(true).on('data', press);
  return {
    there,
    onBreak: listener => void listeners.push(listener),
    close() {
      if (there) stdin.off('data', press).setRawMode(false).pause();
    },
  };
}
