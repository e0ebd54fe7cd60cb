/** What a benchmark measured, and how. */
export interface Report {
  readonly how: string;
  readonly rows: readonly Row[];
}

export interface Row {
  readonly what: string;
  readonly value: string | number;
}

/** The sections of RESULTS.md that were measured anew take the place of the old ones; the others stay. */
export function merged(results: string, fresh: ReadonlyMap<string, string>): string {
  const [head = '', ...sections] = results.split(/^(?=## )/m);
  const kept = new Map(sections.map(section => [/^## (\S+)/.exec(section)?.[1] ?? section, section]));
  for (const [name, section] of fresh) kept.set(name, section);
  return `${[head, ...kept.values()].map(part => part.trimEnd()).join('\n\n')}\n`;
}

export const section = (name: string, says: string, { how, rows }: Report): string =>
  [
    `## ${name}`,
    '',
    `${says}; ${how}.`,
    '',
    '| | |',
    '|---|--:|',
    ...rows.map(({ what, value }) => `| ${what} | ${value} |`),
  ].join('\n');
