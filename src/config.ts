import { inspect } from 'node:util';
import { Fault, attempt } from './declare/fault.ts';
import { didYouMean, distance } from './declare/guess.ts';
import { columns } from './declare/names.ts';
import { duration, oneOf } from './declare/values.ts';
import { EvenkeelError, EvenkeelErrors } from './errors.ts';

/** One environment variable. README's table is held to these rows by a test. */
export interface Setting<T = unknown> {
  readonly name: string;
  /** As it would be written; '' for none. */
  readonly default: string;
  readonly meaning: string;
  /** @throws Fault saying what is wrong, without the value */
  readonly parse: (text: string) => T;
  /** Its value may hold a password, and is printed through `masked` only; or is one as a whole, and never printed. */
  readonly secret?: Secret;
}

type Secret = boolean | 'whole';

const setting = <T>(
  name: string,
  otherwise: string,
  parse: (text: string) => T,
  meaning: string,
  secret: Secret = false,
): Setting<T> => ({ name, default: otherwise, meaning, parse, secret });

export const settings = {
  databaseUrl: setting('DATABASE_URL', '', optional(postgresUrl), 'the database to keep consistent', true),
  invariants: setting('EVENKEEL_INVARIANTS', './invariants', text => text, 'the folder with the invariants'),
  mode: setting(
    'EVENKEEL_MODE',
    'heal',
    oneOf('heal', 'observe'),
    '`heal`: each invariant does as it declares; `observe`: nothing is written, whatever they declare',
  ),
  alertUrl: setting(
    'EVENKEEL_ALERT_URL',
    '',
    optional(webUrl),
    'a Slack-compatible webhook that is told what was held, parked, missed, or is overdue',
    true,
  ),
  sweepDuty: setting(
    'EVENKEEL_SWEEP_DUTY',
    '0.1',
    share,
    "share of one connection's time that sweeping may use, above 0 and up to 1",
  ),
  sweepPauseMs: setting(
    'EVENKEEL_SWEEP_PAUSE',
    '',
    optional(atLeast('0s')),
    'the least pause between two passes of one invariant; default: `1s`, and `15m` where capture follows every change',
  ),
  capture: setting(
    'EVENKEEL_CAPTURE',
    'auto',
    oneOf('auto', 'slot', 'triggers', 'sweeps'),
    'how changes are found: by a replication `slot`, by `triggers`, by `sweeps` alone; `auto`: the first of these that is possible',
  ),
  directUrl: setting(
    'EVENKEEL_DIRECT_URL',
    '',
    optional(postgresUrl),
    'the database past any pooler, for the replication slot; default: `DATABASE_URL`',
    true,
  ),
  slotMaxLag: setting(
    'EVENKEEL_SLOT_MAX_LAG',
    '4GB',
    bytes,
    'the most WAL that the replication slot may hold back before it is given up and everything is swept',
  ),
  replicaUrl: setting('EVENKEEL_REPLICA_URL', '', optional(postgresUrl), 'a standby to sweep from', true),
  brokerUrl: setting(
    'EVENKEEL_BROKER_URL',
    '',
    optional(brokerUrl),
    "the broker of Celery's workers, `amqp://` or `redis://`, for `heal: celery`",
    true,
  ),
  healers: setting('EVENKEEL_HEALERS', '2', whole(1, 64), 'heal transactions at once in this process'),
  batch: setting(
    'EVENKEEL_BATCH',
    '1000',
    whole(1, 100_000),
    'the most violations healed in one transaction',
  ),
  pool: setting(
    'EVENKEEL_POOL',
    '8',
    whole(3, 500),
    'connections of this process, two more than twice the healers at least',
  ),
  statementTimeoutMs: setting(
    'EVENKEEL_STATEMENT_TIMEOUT',
    '1s',
    atLeast('10ms'),
    "the longest that asking an invariant again may take; a sweep's chunks have their own limit",
  ),
  journalKeepMs: setting(
    'EVENKEEL_JOURNAL_KEEP',
    '90d',
    atLeast('1h'),
    'how long journal entries are kept, and can be undone',
  ),
  repeats: setting(
    'EVENKEEL_REPEATS',
    '10',
    whole(1, 1_000_000),
    'heals of one subject within an hour before it is parked as oscillating',
  ),
  log: setting(
    'EVENKEEL_LOG',
    'info',
    oneOf('quiet', 'info', 'debug'),
    '`quiet`, `info` or `debug`, on stderr',
  ),
  secretColumns: setting(
    'EVENKEEL_SECRET_COLUMNS',
    '',
    text => (text === '' ? [] : columns(text)),
    'columns, separated by commas, whose values are masked on the terminal, in the dashboard, in logs and in alerts',
  ),
  web: setting(
    'EVENKEEL_WEB',
    '127.0.0.1:4600',
    webAddress,
    'where `up` serves the dashboard and the metrics, as `host:port`, or `off`; beyond this machine only with EVENKEEL_TOKEN',
  ),
  webNames: setting(
    'EVENKEEL_WEB_NAMES',
    '',
    names,
    'names, separated by commas, under which browsers reach the dashboard, where a proxy stands before it',
  ),
  token: setting(
    'EVENKEEL_TOKEN',
    '',
    optional(token),
    'what one has to know to see the dashboard and to decide there',
    'whole',
  ),
  readToken: setting(
    'EVENKEEL_READ_TOKEN',
    '',
    optional(token),
    'what one has to know only to see it, and to read the metrics',
    'whole',
  ),
} as const satisfies Record<string, Setting>;

export type SettingKey = keyof typeof settings;

/** Durations are in milliseconds. JSON and console.log show it with passwords masked. */
export type Config = { readonly [Key in SettingKey]: ReturnType<(typeof settings)[Key]['parse']> };

/**
 * Reads every setting once. An empty variable counts as unset.
 * @param flags values of command-line flags, as text; they win over the environment
 * @throws EvenkeelError `bad-setting`, or EvenkeelErrors where there are several
 */
export function readConfig(
  env: Readonly<Record<string, string | undefined>> = process.env,
  flags: Partial<Record<SettingKey, string | undefined>> = {},
): Config {
  const errors = unknownNames(env);
  const wrong = (message: string, hint?: string) => {
    errors.push(new EvenkeelError('bad-setting', message, hint === undefined ? {} : { hint }));
  };
  const values: Partial<Record<SettingKey, unknown>> = {};
  for (const [key, { name, parse, secret, default: otherwise }] of entries()) {
    const flag = flags[key];
    const text = (flag ?? env[name] ?? '').trim() || otherwise;
    const tried = attempt(() => parse(text));
    if ('value' in tried) values[key] = tried.value;
    else {
      const called =
        flag === undefined
          ? name
          : `--${key.replace(/Ms$/, '').replace(/[A-Z]/g, c => `-${c.toLowerCase()}`)}`;
      wrong(`${called}=${fit(text, secret)}: ${tried.fault.message}`, tried.fault.hint);
    }
  }
  const config = values as Config;
  if (errors.length === 0 && config.pool < 2 * config.healers + 2) {
    wrong(
      `${settings.pool.name}=${config.pool}: ${config.healers} healers need at least ${2 * config.healers + 2}`,
      'A healer may look from a second connection; beside them one sweeps, and one keeps the lease alive.',
    );
  }
  if (config.readToken !== undefined && (config.token === undefined || config.token === config.readToken)) {
    wrong(
      `${settings.readToken.name}=***: it needs ${settings.token.name} beside it, and a different one`,
      'Without it everybody on this machine may decide.',
    );
  }
  if (errors.length === 0 && config.webNames.length > 0 && config.token === undefined) {
    wrong(
      `${settings.webNames.name}=${config.webNames.join(',')}: it needs ${settings.token.name} beside it`,
      'Through a proxy on this machine everybody would come from this machine, and could decide.',
    );
  }
  if (errors.length > 1) throw new EvenkeelErrors(errors);
  if (errors[0]) throw errors[0];
  const show = { enumerable: false, value: () => printable(config) };
  return Object.freeze(Object.defineProperties(config, { toJSON: show, [inspect.custom]: show }));
}

/** What a program that we start finds in its environment: ours, and these. */
export const environment = (more: Readonly<Record<string, string>>): NodeJS.ProcessEnv => ({
  ...process.env,
  ...more,
});

/** The settings by their keys, fit for eyes and logs: what may hold a password is masked. */
export function printable(config: Config): Record<string, unknown> {
  return Object.fromEntries(
    entries().map(([key, { secret }]) => {
      const value: unknown = config[key];
      return [key, typeof value === 'string' ? fit(value, secret) : value];
    }),
  );
}

function fit(value: string, secret: Secret = false): string {
  if (secret === 'whole') return '***';
  return secret ? masked(value) : value;
}

/**
 * A URL without its password, and without the path where that is the secret (webhooks).
 * Takes anything that may have been meant as a URL; shows too little rather than too much.
 */
export function masked(text: string): string {
  const [, scheme = '', address = ''] = /^(\w+:\/\/)?(.*)$/s.exec(text) ?? [];
  const shown = address
    .replace(/((?:ssl)?passw(?:or)?d\s*=\s*)('(?:[^'\\]|\\.)*'?|[^\s&#]*)/gi, '$1***')
    // A password may hold any mark, unescaped: it ends at the last @, or nowhere. A port is no password.
    .replace(/^([^:@/]*):.*@/s, '$1:***@')
    .replace(/^([^:@/[]*):(?!\*\*\*@|\d+(?:[/?#]|$)).*$/s, '$1:***');
  if (/^postgres(ql)?:/i.test(scheme) || /^\w+\s*=/.test(address)) return scheme + shown;
  return scheme + shown.replace(/^([^/?#]*)[/?#].+$/s, '$1/***');
}

const entries = () => Object.entries(settings) as [SettingKey, Setting][];

function unknownNames(env: Readonly<Record<string, string | undefined>>): EvenkeelError[] {
  const known = entries().map(([, { name }]) => name);
  const own = known.filter(name => name.startsWith(prefix));
  const misspelt = (name: string) => own.some(other => distance(name.toUpperCase(), other) <= 2);
  return Object.keys(env)
    .filter(name => !known.includes(name) && !foreign.test(name))
    .filter(name => name.toUpperCase().startsWith(prefix) || misspelt(name))
    .map(name => {
      // The prefix that all names share would make any two of them alike.
      const meant = misspelt(name)
        ? didYouMean(name, own)
        : didYouMean(
            name.slice(prefix.length),
            own.map(other => other.slice(prefix.length)),
          ).replace("'", `'${prefix}`);
      // Its value may be a secret that only the right name would have masked.
      return new EvenkeelError('bad-setting', `${name}: there is no such setting${meant}`);
    });
}

const prefix = 'EVENKEEL_';

/** Kubernetes puts these into every pod beside a service called evenkeel; and the tests have a prefix. */
const foreign = /^EVENKEEL_(SERVICE_(HOST|PORT)|PORT|TEST)(_|$)/;

function optional<T>(parse: (text: string) => T): (text: string) => T | undefined {
  return text => (text === '' ? undefined : parse(text));
}

function atLeast(least: string): (text: string) => number {
  return text => duration(text, duration(least));
}

function whole(least: number, most: number): (text: string) => number {
  return text => {
    const number = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
    if (number >= least && number <= most) return number;
    throw new Fault(`expected a whole number from ${least} to ${most}`);
  };
}

/** As Postgres writes sizes: powers of 1024. */
function bytes(text: string): number {
  const [, number = '', unit = ''] = /^(\d{1,6})\s*([MGT])B$/.exec(text) ?? [];
  const size = Number(number) * 1024 ** (2 + 'MGT'.indexOf(unit));
  if (size >= 16 * 2 ** 20) return size;
  throw new Fault('expected a size of 16MB or more, such as 512MB or 4GB');
}

function share(text: string): number {
  const number = /^\d*\.?\d+$/.test(text) ? Number(text) : NaN;
  if (number > 0 && number <= 1) return number;
  throw new Fault('expected a number above 0 and up to 1');
}

function postgresUrl(text: string): string {
  if (!/^postgres(ql)?:\/\//.test(text)) {
    throw new Fault('expected a URL that begins with postgres://', {
      hint: 'postgres://user:password@host:5432/database',
    });
  }
  return parsed(text);
}

function brokerUrl(text: string): string {
  if (!/^(amqps?|rediss?):\/\//.test(text)) {
    throw new Fault('expected a URL that begins with amqp:// or redis://', {
      hint: 'amqp://user:password@host:5672/vhost, redis://:password@host:6379/0',
    });
  }
  return parsed(text);
}

function webAddress(text: string): { readonly host: string; readonly port: number } | undefined {
  if (text === 'off') return undefined;
  const [, six, host = six, port = ''] = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+)):(\d{1,5})$/i.exec(text) ?? [];
  if (host !== undefined && Number(port) <= 65_535) return { host: host.toLowerCase(), port: Number(port) };
  throw new Fault('expected host:port, or off', {
    hint: 'For example 127.0.0.1:4600, 0.0.0.0:4600 or [::1]:4600.',
  });
}

function names(text: string): string[] {
  const all = text === '' ? [] : text.split(',').map(name => name.trim().toLowerCase());
  if (all.every(name => /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name))) return all;
  throw new Fault('expected names of hosts, without ports', { hint: 'For example evenkeel.example.org.' });
}

function token(text: string): string {
  if (/^[\x21-\x7e]{16,200}$/.test(text)) return text;
  throw new Fault('expected 16 to 200 characters without spaces', {
    hint: 'For example what `openssl rand -hex 24` prints.',
  });
}

function webUrl(text: string): string {
  if (!/^https?:\/\//.test(text)) throw new Fault('expected a URL that begins with https://');
  return parsed(text);
}

function parsed(text: string): string {
  if (URL.canParse(text)) return text;
  throw new Fault('it is not a URL', {
    hint: 'Write :, /, @, # and ? in a password as %3A, %2F, %40, %23 and %3F.',
  });
}

/** GitHub runs this, and shows what is said in its own way beside the code. */
export const onGithub = (env: NodeJS.ProcessEnv = process.env): boolean => env['GITHUB_ACTIONS'] === 'true';
