import { cut } from './text.ts';

/** One line at the foot of a terminal that is written over and over; silence where standard error is no terminal. */
export class Meter {
  readonly #on = process.stderr.isTTY;
  #text = '';

  show(text: string): void {
    if (!this.#on || text === this.#text) return;
    this.#text = cut(text, process.stderr.columns - 1);
    process.stderr.write(`\r\x1b[K${this.#text}`);
  }

  clear(): void {
    this.show('');
  }

  /** Lines that stay, above it. */
  above(text: string): void {
    process.stderr.write(this.#on && this.#text !== '' ? `\r\x1b[K${text}\n${this.#text}` : `${text}\n`);
  }
}
