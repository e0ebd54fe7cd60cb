import { parseArgs } from 'node:util';
import { guess } from '../declare/guess.ts';
import { EvenkeelError } from '../errors.ts';
import { type Command, commands, common } from './commands.ts';
import { type Flag, type FlagName, type Given, flags } from './flags.ts';

export interface Parsed {
  /** Undefined: none was named, and that is fine where help or the version is asked for. */
  readonly name: string | undefined;
  readonly given: Given;
  readonly args: readonly string[];
  readonly version: boolean;
}

/** @throws EvenkeelError `wrong-use`, with a guess at what was meant */
export function parse(argv: readonly string[]): Parsed {
  const { tokens } = parseArgs({
    args: [...argv],
    options,
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  const positionals = tokens.flatMap(token => (token.kind === 'positional' ? [token.value] : []));
  const version = tokens.some(token => token.kind === 'option' && ['version', 'v'].includes(token.name));
  const asksHelp = positionals[0] === 'help';
  const [name, ...args] = asksHelp ? positionals.slice(1) : positionals;
  if (name !== undefined && !Object.hasOwn(commands, name)) {
    wrong(
      `there is no command '${name}'`,
      name,
      Object.keys(commands),
      'Run `evenkeel --help` for the list.',
    );
  }
  const command = name === undefined ? undefined : commands[name];
  const given: Record<string, string | boolean> = asksHelp ? { help: true } : {};
  for (const token of tokens) {
    if (token.kind !== 'option' || token.name === 'version' || token.name === 'v') continue;
    const [flag, value] = read(token, name, command);
    given[flag] = value;
  }
  if (name !== undefined && command && !given['help']) requireCount(name, command, args);
  return { name, given, args, version };
}

interface Option {
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
}

function read(
  token: Option,
  name: string | undefined,
  command: Command | undefined,
): [string, string | boolean] {
  const known: readonly string[] = [...(command?.flags ?? []), ...common];
  if (!known.includes(token.name)) {
    const where = name === undefined ? 'there is no flag' : `\`${name}\` has no flag`;
    const hint = name === undefined ? 'Run `evenkeel --help`.' : `Run \`evenkeel ${name} --help\`.`;
    wrong(`${where} ${token.rawName}`, token.name, known, hint, '--');
  }
  const flag: Flag = flags[token.name as FlagName];
  if (flag.value === undefined) {
    if (token.value !== undefined) throw new EvenkeelError('wrong-use', `${token.rawName} takes no value`);
    return [token.name, true];
  }
  const value = token.value?.trim() ?? '';
  // `--since --json`: the next flag is no value.
  if (value === '' || value.startsWith('--')) {
    throw new EvenkeelError('wrong-use', `${token.rawName} needs a value: ${token.rawName} ${flag.value}`);
  }
  return [token.name, value];
}

function requireCount(name: string, { args: shape = '' }: Command, args: readonly string[]): void {
  const many = shape.includes('…') || shape.includes('/key');
  if (shape.startsWith('<') && args.length === 0) {
    throw new EvenkeelError('wrong-use', `\`${name}\` needs ${shape}`, {
      hint: `Run \`evenkeel ${name} --help\`.`,
    });
  }
  const extra = args[shape === '' ? 0 : 1];
  if (!many && extra !== undefined) {
    throw new EvenkeelError('wrong-use', `'${extra}' is one argument too many`, {
      hint: `evenkeel ${name}${shape ? ` ${shape}` : ''}; run \`evenkeel ${name} --help\`.`,
    });
  }
}

function wrong(message: string, word: string, words: readonly string[], hint: string, prefix = ''): never {
  const meant = guess(word, words);
  const question = meant === undefined ? '' : `; did you mean '${prefix}${meant}'?`;
  throw new EvenkeelError('wrong-use', `${message}${question}`, { hint });
}

const options = Object.fromEntries(
  Object.entries<Flag>(flags).map(([name, { value, short }]) => [
    name,
    { type: value === undefined ? ('boolean' as const) : ('string' as const), ...(short ? { short } : {}) },
  ]),
);
