import { type Config, type SettingKey, readConfig } from '../config.ts';
import { version } from '../version.ts';
import { type OpenWeb, commands } from './commands.ts';
import { failure, known, report } from './fail.ts';
import { type Flag, flags } from './flags.ts';
import { commandHelp, overview } from './help.ts';
import { Out } from './out.ts';
import { type Parsed, parse } from './parse.ts';
import { Shown } from './values.ts';

/** What no database can mend: how it was called, or set up. */
const wrongUse: ReadonlySet<string> = new Set(['wrong-use', 'bad-setting', 'no-database', 'no-token']);

/** Runs what was typed, and ends the process with its exit code. */
export async function main(argv: readonly string[], openWeb: OpenWeb): Promise<void> {
  // A reader that has seen enough (`| head`) is no error of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  const code = await called(argv, openWeb);
  // Standard output may be a pipe that is still being read.
  process.stdout.write('', () => process.exit(code));
}

async function called(argv: readonly string[], openWeb: OpenWeb): Promise<number> {
  let config: Config | undefined;
  let out = new Out(argv.includes('--json'));
  try {
    const parsed = parse(argv);
    out = new Out(parsed.given.json === true);
    if (parsed.version) return say(out, { version }, version);
    const command = parsed.name === undefined ? undefined : commands[parsed.name];
    if (!command || parsed.name === undefined) {
      out.line(overview());
      return parsed.given.help || argv.length === 0 ? 0 : 2;
    }
    if (parsed.given.help) return say(out, undefined, commandHelp(parsed.name, command));
    config = readConfig(undefined, settingsOf(parsed));
    const { run } = await command.load();
    const shown = new Shown(config.secretColumns, out.columns);
    return await run({ given: parsed.given, args: parsed.args, config, out, shown, openWeb });
  } catch (error) {
    out.note(report(error, config?.databaseUrl, config?.log === 'debug'));
    if (out.json) out.value(failure(error, config?.databaseUrl));
    return known(error, undefined)?.some(({ code }) => wrongUse.has(code)) ? 2 : 1;
  }
}

function say(out: Out, value: unknown, text: string): number {
  if (out.json && value !== undefined) out.value(value);
  else out.line(text);
  return 0;
}

/** Flags that stand for a setting. */
function settingsOf({ given }: Parsed): Partial<Record<SettingKey, string>> {
  const settings: Partial<Record<SettingKey, string>> = {};
  for (const [name, { setting }] of Object.entries<Flag>(flags)) {
    const value = given[name as keyof typeof given];
    if (setting && typeof value === 'string') settings[setting] = value;
  }
  return settings;
}
