
/** Where a command says what: data on standard output, everything else on standard error. */
export class Out {
  readonly json: boolean;
  readonly terminal = process.stdout.isTTY === true;
  readonly columns = process.stdout.columns ?? 80;
  readonly #colours = process.stdout.isTTY === true && process.stdout.hasColors();

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

