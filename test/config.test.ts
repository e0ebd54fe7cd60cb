import { inspect } from 'node:util';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { masked, printable, readConfig, settings, type Config } from '../src/config.ts';
import { type EvenkeelError, EvenkeelErrors } from '../src/errors.ts';

function told(env: Record<string, string>, flags: Parameters<typeof readConfig>[1] = {}): string[] {
  try {
    readConfig(env, flags);
  } catch (error) {
    const errors = error instanceof EvenkeelErrors ? error.errors : [error as EvenkeelError];
    expect(errors.every(one => one.code === 'bad-setting')).toBe(true);
    return errors.map(one => one.message);
  }
  return [];
}

describe('settings', () => {
  it('have defaults', () => {
    expect({ ...readConfig({}) }).toEqual({
      databaseUrl: undefined,
      invariants: './invariants',
      mode: 'heal',
      alertUrl: undefined,
      sweepDuty: 0.1,
      sweepPauseMs: undefined,
      capture: 'auto',
      directUrl: undefined,
      slotMaxLag: 4 * 2 ** 30,
      replicaUrl: undefined,
      healers: 2,
      batch: 1000,
      pool: 8,
      statementTimeoutMs: 1000,
      journalKeepMs: 7_776_000_000,
      repeats: 10,
      log: 'info',
      secretColumns: [],
      web: { host: '127.0.0.1', port: 4600 },
      webNames: [],
      token: undefined,
      readToken: undefined,
    });
  });

  it('say what they are for, and are read as they are written', () => {
    for (const { name, meaning, default: otherwise } of Object.values(settings)) {
      expect(meaning.length).toBeGreaterThan(5);
      expect(told({ [name]: otherwise })).toEqual([]);
    }
    expectTypeOf<Config['databaseUrl']>().toEqualTypeOf<string | undefined>();
    expectTypeOf<Config['mode']>().toEqualTypeOf<'heal' | 'observe'>();
  });

  it('come from the environment, flags before it, and are frozen', () => {
    const env = {
      DATABASE_URL: 'postgres://u:p@h/d',
      EVENKEEL_SECRET_COLUMNS: 'email, "Card; No"',
      EVENKEEL_POOL: '9',
    };
    const config = readConfig(env, { pool: '8', mode: 'observe', healers: undefined });
    expect(config).toMatchObject({
      databaseUrl: env.DATABASE_URL,
      secretColumns: ['email', 'Card; No'],
      pool: 8,
      mode: 'observe',
    });
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('are unset where they are empty', () => {
    expect(readConfig({ EVENKEEL_MODE: '', EVENKEEL_BATCH: ' ', DATABASE_URL: '' })).toMatchObject({
      mode: 'heal',
      batch: 1000,
    });
  });

  it.each<[string, unknown]>([
    ['postgres://localhost/db', 'postgres://localhost/db'],
    ['postgresql://u@[::1]:5432/db?sslmode=require', 'postgresql://u@[::1]:5432/db?sslmode=require'],
    ['postgres:///db?host=/var/run/postgresql', 'postgres:///db?host=/var/run/postgresql'],
  ])('DATABASE_URL=%s', (text, value) => {
    expect(readConfig({ DATABASE_URL: text }).databaseUrl).toBe(value);
  });
});

describe('what is wrong with a setting', () => {
  it.each([
    ['EVENKEEL_MODE', 'obsreve', "expected heal or observe, found 'obsreve'; did you mean 'observe'?"],
    ['EVENKEEL_SWEEP_DUTY', '0', 'expected a number above 0 and up to 1'],
    ['EVENKEEL_SWEEP_DUTY', '1.1', 'expected a number above 0 and up to 1'],
    ['EVENKEEL_SWEEP_DUTY', '10%', 'expected a number above 0 and up to 1'],
    ['EVENKEEL_SWEEP_PAUSE', '1', "'1' is not a duration"],
    ['EVENKEEL_HEALERS', '0', 'expected a whole number from 1 to 64'],
    ['EVENKEEL_BATCH', '1e3', 'expected a whole number from 1 to 100000'],
    ['EVENKEEL_POOL', '2', 'expected a whole number from 3 to 500'],
    ['EVENKEEL_POOL', '3', '2 healers need at least 6'],
    ['EVENKEEL_STATEMENT_TIMEOUT', '0s', "'0s' is too short: at least 10ms"],
    ['EVENKEEL_JOURNAL_KEEP', '1m', "'1m' is too short: at least 1h"],
    ['EVENKEEL_REPEATS', '-1', 'expected a whole number from 1 to 1000000'],
    ['EVENKEEL_LOG', 'debgu', "expected quiet or info or debug, found 'debgu'; did you mean 'debug'?"],
    ['EVENKEEL_SECRET_COLUMNS', 'a b', "expected a comma or the end, found 'b'"],
    ['EVENKEEL_ALERT_URL', 'slack', 'expected a URL that begins with https://'],
    ['EVENKEEL_WEB', '4600', 'expected host:port, or off'],
    ['EVENKEEL_WEB', '127.0.0.1:99999', 'expected host:port, or off'],
    ['EVENKEEL_WEB_NAMES', 'https://x', 'expected names of hosts, without ports'],
    ['DATABASE_URL', 'mydb', 'expected a URL that begins with postgres://'],
    ['EVENKEEL_BROKER_URL', 'localhost:5672', 'expected a URL that begins with amqp:// or redis://'],
    ['EVENKEEL_BROKER_URL', 'sqs://', 'expected a URL that begins with amqp:// or redis://'],
  ])('%s=%s', (name, value, message) => {
    expect(told({ [name]: value })).toEqual([`${name}=${value}: ${message}`]);
  });

  it('never shows a token', () => {
    expect(told({ EVENKEEL_TOKEN: 'short' })).toEqual([
      'EVENKEEL_TOKEN=***: expected 16 to 200 characters without spaces',
    ]);
    expect(told({ EVENKEEL_TOKN: 'secret' })[0]).toMatch(/^EVENKEEL_TOKN: .*'EVENKEEL_TOKEN'/);
    const one = 'a-token-of-sixteen';
    expect(told({ EVENKEEL_READ_TOKEN: one })).toHaveLength(1);
    expect(told({ EVENKEEL_WEB_NAMES: 'x.example.org' })[0]).toContain('it needs EVENKEEL_TOKEN beside it');
    expect(told({ EVENKEEL_WEB_NAMES: 'x.example.org', EVENKEEL_TOKEN: one })).toEqual([]);
    expect(told({ EVENKEEL_READ_TOKEN: one, EVENKEEL_TOKEN: one })).toHaveLength(1);
    const config = readConfig({ EVENKEEL_TOKEN: one });
    expect(inspect(config) + JSON.stringify(config)).not.toContain(one);
  });

  it.each(['http://u:secret@h/', 'amqp://u:secret@h:port/'])('tells no password: %s', url => {
    expect(told({ EVENKEEL_BROKER_URL: url }).join()).toMatch(/^EVENKEEL_BROKER_URL=[^:]+:\/\/u:\*\*\*@h/);
  });

  it('is told all at once', () => {
    expect(told({ EVENKEEL_MODE: 'x', EVENKEEL_POOL: 'y' })).toHaveLength(2);
  });

  it('names the flag where it came by one', () => {
    expect(told({}, { sweepDuty: '2' })).toEqual(['--sweep-duty=2: expected a number above 0 and up to 1']);
  });

  it.each([
    ['EVENKEEL_MOED', "; did you mean 'EVENKEEL_MODE'?"],
    ['EVENKEL_MODE', "; did you mean 'EVENKEEL_MODE'?"],
    ['evenkeel_mode', "; did you mean 'EVENKEEL_MODE'?"],
    ['EVENKEEL_INVARIANT', "; did you mean 'EVENKEEL_INVARIANTS'?"],
    ['EVENKEEL_SWEEP_PAUZE', "; did you mean 'EVENKEEL_SWEEP_PAUSE'?"],
    ['EVENKEEL_ELSEWHERE', ''],
  ])('may be its name: %s', (name, guess) => {
    expect(told({ [name]: 'observe' })).toEqual([`${name}: there is no such setting${guess}`]);
  });

  it.each([
    'EVENKEEL_SERVICE_HOST',
    'EVENKEEL_PORT_5432_TCP',
    'EVENKEEL_PORT',
    'EVENKEEL_TEST_SEED',
    'PGHOST',
    'MODE',
    'LOG',
  ])('is not that others have names too: %s', name => expect(told({ [name]: 'x' })).toEqual([]));
});

describe('passwords', () => {
  it.each([
    ['postgres://u:secret@h:5432/d?sslmode=require', 'postgres://u:***@h:5432/d?sslmode=require'],
    ['postgres://u:se@cr:e/t#x?@h/d', 'postgres://u:***@h/d'],
    ['postgres://u:secret', 'postgres://u:***'],
    ['postgres://:secret@h/d', 'postgres://:***@h/d'],
    ['postgres://h:5432/d', 'postgres://h:5432/d'],
    ['postgres://[::1]:5432/d', 'postgres://[::1]:5432/d'],
    ['postgres://u@h/d?password=secret&x=1', 'postgres://u@h/d?password=***&x=1'],
    ['postgres:///d?host=/tmp', 'postgres:///d?host=/tmp'],
    ["host=h password='se cret' dbname=d", 'host=h password=*** dbname=d'],
    ['u:secret@h/d', 'u:***@h/***'],
    ['https://hooks.slack.com/services/T/B/secret', 'https://hooks.slack.com/***'],
    ['https://u:secret@example.org', 'https://u:***@example.org'],
    ['hooks.slack.com/services/secret', 'hooks.slack.com/***'],
    ['https://example.org?token=secret', 'https://example.org/***'],
    ['observe', 'observe'],
    ['', ''],
  ])('%s', (text, shown) => expect(masked(text)).toBe(shown));

  it('are shown nowhere', () => {
    const url = 'postgres://u:secret@h/d';
    const alertUrl = 'https://hooks.slack.com/services/secret';
    const config = readConfig({ DATABASE_URL: url, EVENKEEL_REPLICA_URL: url, EVENKEEL_ALERT_URL: alertUrl });
    expect(config.databaseUrl).toBe(url);
    const seen = [
      JSON.stringify(config),
      inspect(config),
      inspect({ config }, { depth: 9 }),
      JSON.stringify(printable(config)),
    ];
    for (const text of seen) {
      expect(text).toContain('postgres://u:***@h/d');
      expect(text).not.toContain('secret"');
      expect(text).not.toMatch(/:secret|\/secret/);
    }
    const wrong = told({
      DATABASE_URL: 'mysql://u:secret@h/d',
      EVENKEEL_REPLICA_URL: 'postgres://u:sec/ret@h/d',
      EVENKEEL_ALRET_URL: alertUrl,
    });
    expect(wrong).toEqual([
      "EVENKEEL_ALRET_URL: there is no such setting; did you mean 'EVENKEEL_ALERT_URL'?",
      'DATABASE_URL=mysql://u:***@h/***: expected a URL that begins with postgres://',
      'EVENKEEL_REPLICA_URL=postgres://u:***@h/d: it is not a URL',
    ]);
  });
});
