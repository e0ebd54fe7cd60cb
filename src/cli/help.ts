import { type Command, commands, common } from './commands.ts';
import { type Flag, flags } from './flags.ts';

/** `evenkeel --help` */
export function overview(): string {
  const width = Math.max(...Object.keys(commands).map(name => name.length)) + 2;
  const list = Object.entries(commands).map(([name, { says }]) => `  ${name.padEnd(width)}${says}`);
  return [
    'Keeps a Postgres database consistent: you declare what must be true; it finds what',
    "isn't, puts it right inside guardrails, and can undo it.",
    '',
    'usage: evenkeel <command> [flags]',
    '',
    ...list,
    '',
    'Start with `evenkeel try`: it only reads. DATABASE_URL names the database, and',
    './invariants holds the invariants. `evenkeel <command> --help` tells more.',
    '',
    'Exit codes: 0 fine, 1 found something or failed, 2 wrong use.',
  ].join('\n');
}

/** `evenkeel <name> --help` */
export function commandHelp(name: string, command: Command): string {
  const rows = [...command.flags, ...common].map(flag => {
    const { value, short, says }: Flag = flags[flag];
    return [`${short ? `-${short}, ` : ''}--${flag}${value ? ` ${value}` : ''}`, says] as const;
  });
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return [
    `evenkeel ${name}: ${command.says}`,
    ...(command.more ? ['', ...command.more] : []),
    '',
    `usage: evenkeel ${name}${command.args ? ` ${command.args}` : ''} [flags]`,
    '',
    ...rows.flatMap(([left, says]) => wrap(says, 78 - width).map((part, i) => `  ${(i ? '' : left).padEnd(width)}${part}`)),
    ...(command.exits ? ['', ...wrap(command.exits, 80)] : []),
  ].join('\n');
}

/** Breaks at spaces into lines of at most so many characters. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
