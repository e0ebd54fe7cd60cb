/**
 * A few lines that stay at the top and a story that scrolls below them: plain ANSI with a scroll region. Where there
 * is no terminal, plain lines, and the top only now and then.
 */
import type { WriteStream } from 'node:tty';
import { fit, palette, type Paint } from './paint.ts';

export interface Screen {
  readonly paint: Paint;
  /** The lines at the top. */
  head(lines: readonly string[]): void;
  /** The next line of the story, cut to the width; `whole`: wrapped by the terminal, so that it copies well. */
  say(line: string, whole?: 'whole'): void;
  /** Gives the terminal back. */
  close(): void;
}

const headRows = 5;
const plainEveryMs = 5_000;

export function openScreen(out: WriteStream | NodeJS.WriteStream, plain = false): Screen {
  const large = out.isTTY && (out.rows ?? 0) >= 12 && process.env['TERM'] !== 'dumb';
  return large && !plain ? pinned(out) : lineByLine(out);
}

function lineByLine(out: NodeJS.WriteStream): Screen {
  let shown = 0;
  return {
    paint: palette(false),
    head(lines) {
      if (Date.now() - shown < plainEveryMs) return;
      shown = Date.now();
      out.write(`${lines[0]}\n`);
    },
    say: line => void out.write(`${line}\n`),
    close: () => undefined,
  };
}

function pinned(out: NodeJS.WriteStream): Screen {
  let head: readonly string[] = [];
  // Clear, keep the scroll region below the head, start at the bottom of it.
  const layOut = () => {
    out.write(`\x1b[2J\x1b[${headRows + 1};${out.rows}r\x1b[${headRows + 1};1H`);
    drawHead();
  };
  const drawHead = () => {
    const lines = Array.from({ length: headRows }, (_, i) => {
      const last = i === headRows - 1 ? '─'.repeat(out.columns) : (head[i] ?? '');
      return `\x1b[${i + 1};1H\x1b[2K${fit(last, out.columns)}`;
    });
    out.write(`\x1b7${lines.join('')}\x1b8`);
  };
  let open = true;
  const close = () => {
    if (!open) return;
    open = false;
    out.off('resize', layOut);
    process.off('exit', close);
    out.write(`\x1b7\x1b[r\x1b8\x1b[0m\r\n`);
  };
  layOut();
  out.on('resize', layOut);
  // However the process ends, the terminal is whole again.
  process.on('exit', close);
  return {
    paint: palette(!process.env['NO_COLOR']),
    head(lines) {
      head = lines;
      drawHead();
    },
    say: (line, whole) => void out.write(`${whole ? line : fit(line, out.columns)}\x1b[0m\r\n`),
    close,
  };
}
