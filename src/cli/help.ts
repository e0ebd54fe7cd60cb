import { type Command, commands, common } from './commands.ts';
import { type Flag, flags } from './flags.ts';
import { wrap } from './text.ts';

/** `evenkeel --help` */
export function overview(): string {
  const width = Math.max(...Object.keys(commands).map(name => name.length)) + 2;
  const list = Object.entries(commands).map(([name, { says }]) => `  ${name.padEnd(width)}${says}`);
  return [
    ...wrap(
      "Keeps a Postgres database consistent: you declare what must be true; it finds what isn't, puts it right inside guardrails, and can undo it.",
      80,
    ),
    '',
    'usage: evenkeel <command> [flags]',
    '',
    ...list,
    '',
    ...wrap(
      'Start with `evenkeel try`: it only reads. DATABASE_URL names the database, and ./invariants holds the invariants. `evenkeel <command> --help` tells more.',
      80,
    ),
    '',
    'Exit codes: 0 fine, 1 found something or failed, 2 wrong use.',
  ].join('\n');
}

/** `evenkeel <name> --help` */
export function commandHelp(name: string, command: Command): string {
  const rows = flagRows(command);
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return [
    ...wrap(`evenkeel ${name}: ${command.says}`, 80),
    ...command.more.flatMap(paragraph => ['', ...wrap(paragraph, 80)]),
    '',
    `usage: ${usage(name, command)}`,
    '',
    ...rows.flatMap(([left, says]) =>
      wrap(says, 78 - width).map((part, i) => `  ${(i ? '' : left).padEnd(width)}${part}`),
    ),
    '',
    ...wrap(`Exit codes: ${command.exits}`, 80),
  ].join('\n');
}

const usage = (name: string, { args }: Command): string =>
  `evenkeel ${name}${args ? ` ${args}` : ''} [flags]`;

/** `--limit <n>` and what it says, for each flag of a command. */
function flagRows(command: Command): [string, string][] {
  return [...command.flags, ...common].map(flag => {
    const { value, short, says }: Flag = flags[flag];
    return [`${short ? `-${short}, ` : ''}--${flag}${value ? ` ${value}` : ''}`, says];
  });
}
