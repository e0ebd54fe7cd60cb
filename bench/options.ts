import { parseArgs } from 'node:util';

export interface Options {
  readonly names: readonly string[];
  /** Keep the tables in RESULTS.md. */
  readonly write: boolean;
  readonly rounds: number;
  /** TPC-C: interleaved runs of each arm, their length, and how many connections. */
  readonly pairs: number;
  readonly seconds: number;
  readonly clients: number;
  readonly warehouses: number;
  /** TPC-C: transactions a second where it isn't as many as there can be; undefined: half of that. */
  readonly rate: number | undefined;
  /** Other Postgres binaries than the embedded ones, such as `/usr/lib/postgresql/15/bin`. TPC-C only. */
  readonly pgBin: string | undefined;
}

export function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      write: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '3' },
      pairs: { type: 'string', default: '7' },
      seconds: { type: 'string', default: '60' },
      clients: { type: 'string', default: '8' },
      warehouses: { type: 'string', default: '1' },
      rate: { type: 'string' },
      'pg-bin': { type: 'string' },
    },
  });
  const whole = (name: 'rounds' | 'pairs' | 'seconds' | 'clients' | 'warehouses' | 'rate'): number => {
    const number = Number(values[name]);
    if (!Number.isInteger(number) || number < 1) throw new Error(`--${name}: expected a whole number`);
    return number;
  };
  return {
    names: positionals,
    write: values.write,
    rounds: whole('rounds'),
    pairs: whole('pairs'),
    seconds: whole('seconds'),
    clients: whole('clients'),
    warehouses: whole('warehouses'),
    rate: values.rate === undefined ? undefined : whole('rate'),
    pgBin: values['pg-bin'],
  };
}
