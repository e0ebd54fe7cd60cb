/** Where a command says what: its answer on standard output, everything else on standard error. */
export class Out {
  readonly json: boolean;
  /** Standard output is a terminal. */
  readonly terminal = process.stdout.isTTY;
  /** How wide lines may get. */
  readonly columns = process.stdout.isTTY ? Math.max(60, process.stdout.columns) : 120;
  // hasColors() heeds NO_COLOR and what the terminal can do.
  readonly #colours = process.stdout.isTTY && process.stdout.hasColors();

  constructor(json: boolean) {
    this.json = json;
  }

  /** The answer, for a program: one JSON value. */
  value(value: unknown): void {
    process.stdout.write(`${JSON.stringify(value, undefined, this.terminal ? 2 : undefined)}\n`);
  }

  line(text = ''): void {
    process.stdout.write(`${text}\n`);
  }

  /** Not the answer: what a person may want to know beside it. */
  note(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  /** In colour on a terminal, unless NO_COLOR says otherwise. */
  paint(colour: keyof typeof colours, text: string): string {
    return this.#colours ? `\x1b[${colours[colour]}m${text}\x1b[0m` : text;
  }
}

const colours = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34 } as const;
