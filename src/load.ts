import { readdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createJiti } from 'jiti';
import { define, isInvariant, type Invariant } from './declare/invariant.ts';
import { parse } from './declare/parse.ts';
import { shown } from './declare/place.ts';
import { Named } from './declare/named.ts';
import { what } from './declare/sql.ts';
import { EvenkeelError, EvenkeelErrors } from './errors.ts';
import * as api from './index.ts';

export interface Loaded {
  /** Sorted by name. */
  invariants: Invariant[];
  /** Files of the folder, as people should read them, that declare nothing; and folders, which aren't entered. */
  passedOver: string[];
}

/**
 * Reads every `.sql`, `.ts`, `.js` and `.mjs` file of a folder; other files are none of our business.
 * @throws EvenkeelErrors with everything that is wrong in any of the files
 * @throws EvenkeelError `no-invariants` where there is no such folder, or nothing is declared in it
 */
export async function loadInvariants(folder: string): Promise<Loaded> {
  return load(await candidates(folder), folder);
}

/** The same for one file. @throws EvenkeelError `no-invariants` where there is no such file, or none of these kinds */
export async function loadFile(path: string): Promise<Loaded> {
  const stats = await stat(path).catch(() => undefined);
  const kind = stats?.isFile() ? kindOf(path) : undefined;
  if (kind === undefined) {
    const why = stats ? `${path} is no .sql, .ts, .js or .mjs file` : `there is no file ${path}`;
    throw new EvenkeelError('no-invariants', why);
  }
  return load([{ path: shown(resolve(path)), kind }], path);
}

interface Candidate {
  readonly path: string;
  readonly kind: 'sql' | 'module' | 'folder';
}

/** @param where the folder or file that was asked for */
async function load(files: readonly Candidate[], where: string): Promise<Loaded> {
  const found: Invariant[] = [];
  const made: Invariant[] = [];
  const named = new Named();
  const passedOver: string[] = [];
  const errors: EvenkeelError[] = [];
  for (const { path, kind } of files) {
    try {
      if (kind === 'folder') passedOver.push(`${path}/`);
      else if (kind === 'sql') {
        const parsed = parse(await readFile(path, 'utf8'), path);
        if (parsed.is === 'invariant') found.push(parsed.invariant);
        else if (parsed.is === 'wrong') errors.push(...parsed.errors);
        else passedOver.push(path);
      } else {
        const inside: Invariant[] = [];
        const { invariants, others } = collect(await runModule(path, inside), path);
        made.push(...inside);
        const used = named.add(others, path);
        if (invariants.length === 0 && !used) passedOver.push(path);
        found.push(...invariants);
      }
    } catch (error) {
      errors.push(...faults(error, path));
    }
  }
  const invariants = named.resolve(distinct(found, errors), errors);
  errors.push(...forgotten(made, found));
  // A file that several others import says what is wrong with it once for each.
  const once = new Map(errors.map(error => [error.located, error]));
  if (errors.length > 0) throw new EvenkeelErrors([...once.values()]);
  if (invariants.length === 0) {
    const others = passedOver.length > 0 ? ` (passed over: ${passedOver.join(', ')})` : '';
    throw new EvenkeelError('no-invariants', `there are no invariants in ${where}${others}`);
  }
  return { invariants, passedOver };
}

async function candidates(folder: string): Promise<Candidate[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    const why =
      { ENOENT: "doesn't exist", ENOTDIR: 'is not a folder' }[error.code ?? ''] ??
      `can't be read: ${error.code}`;
    throw new EvenkeelError('no-invariants', `the folder ${folder} ${why}`, { cause: error });
  });
  const files: Candidate[] = [];
  for (const name of names.sort()) {
    if (name.startsWith('.') || name === 'node_modules') continue;
    const path = shown(resolve(folder, name));
    // stat, not the kind in the listing: a mounted ConfigMap is full of links.
    const isFolder = await stat(join(folder, name)).then(
      stats => stats.isDirectory(),
      () => false,
    );
    const kind = isFolder ? 'folder' : kindOf(name);
    if (kind) files.push({ path, kind });
  }
  return files;
}

function kindOf(name: string): 'sql' | 'module' | undefined {
  if (/\.sql$/i.test(name)) return 'sql';
  return /\.[cm]?[jt]s$/.test(name) && !/\.d\.[cm]?ts$/.test(name) ? 'module' : undefined;
}

/** Runs a user's file and gives what it exports; `made` gets all invariants that it makes. */
async function runModule(path: string, made: Invariant[]): Promise<unknown> {
  const invariant: typeof api.invariant = (name, definition) => {
    const declared = define(name, definition, invariant);
    made.push(declared);
    return declared;
  };
  const jiti = createJiti(resolve(path), {
    // Nothing is written into the user's project, and a file that was edited is read again.
    fsCache: false,
    moduleCache: false,
    interopDefault: false,
    // `import … from 'evenkeel'` is this very copy, from a checkout as from node_modules.
    virtualModules: { evenkeel: { ...api, invariant } },
  });
  return jiti.import(resolve(path));
}

/** The invariants that a file exports, by any name, as default, or in arrays; and whatever else, by name. */
function collect(
  exported: unknown,
  path: string,
): { invariants: Invariant[]; others: readonly (readonly [string, unknown])[] } {
  if (isInvariant(exported)) return { invariants: [exported], others: [] };
  if (typeof exported !== 'object' || exported === null) return { invariants: [], others: [] };
  const values = Array.isArray(exported) ? [['default', exported] as const] : Object.entries(exported);
  const invariants = values.flatMap(([, value]: readonly [string, unknown]) => {
    const list: unknown[] = Array.isArray(value) ? value : [value];
    const own = list.filter(isInvariant);
    const strays = list.filter(item => !isInvariant(item));
    const wrong = (message: string): never => {
      throw new EvenkeelError('bad-module', message, { place: { file: path } });
    };
    if (strays.some(looksDeclared))
      wrong('an export looks like an invariant but was not made with invariant()');
    if (own.length > 0 && strays.length > 0)
      wrong(`${what(strays[0])} is exported in an array of invariants`);
    return own;
  });
  return { invariants, others: values };
}

const looksDeclared = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  'says' in value &&
  ('should' in value || 'broken' in value || 'sql' in value);

/** Nothing would watch them, and nobody would know. */
function forgotten(made: readonly Invariant[], found: readonly Invariant[]): EvenkeelError[] {
  return made
    .filter(one => !found.some(other => same(one, other)))
    .map(({ name, place }) => {
      const hint = 'Export it, by any name or in an array: nothing watches what is not exported.';
      return new EvenkeelError('bad-module', `invariant '${name}' is made but not exported`, { place, hint });
    });
}

/** One call, however often its file was run or its value exported. */
const same = (a: Invariant, b: Invariant): boolean =>
  a.name === b.name && a.place.file === b.place.file && a.place.line === b.place.line;

/** Sorted by name; a name that two declarations share is an error. */
function distinct(found: readonly Invariant[], errors: EvenkeelError[]): Invariant[] {
  const byName = new Map<string, Invariant>();
  for (const invariant of found) {
    const first = byName.get(invariant.name);
    if (first === undefined) byName.set(invariant.name, invariant);
    else if (!same(first, invariant)) {
      const { file, line } = first.place;
      const where = line === undefined ? file : `${file}:${line}`;
      const { place } = invariant;
      errors.push(
        new EvenkeelError('duplicate-name', `'${invariant.name}' is the name of the one in ${where} too`, {
          place,
        }),
      );
    }
  }
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function faults(error: unknown, path: string): EvenkeelError[] {
  if (error instanceof EvenkeelErrors) return error.errors;
  if (error instanceof EvenkeelError) return [error];
  const { message, code } =
    error instanceof Error ? (error as NodeJS.ErrnoException) : { message: String(error), code: '' };
  if (/^(EACCES|EPERM|ENOENT|EISDIR)$/.test(code ?? '')) {
    const hint = 'Make the file readable for the user that runs Evenkeel, or take it out of the folder.';
    return [
      new EvenkeelError('bad-module', `it can't be read: ${code}`, {
        place: { file: path },
        hint,
        cause: error,
      }),
    ];
  }
  // Syntax errors end in `file:line:column`; others have the file in their stack.
  const trace = `${message}\n${error instanceof Error ? (error.stack ?? '') : ''}`;
  const line = trace.split(`${resolve(path)}:`)[1]?.match(/^\d+/)?.[0];
  const said = message.split('\n')[0]!.split(resolve(path))[0]!.trim();
  const place = line === undefined ? { file: path } : { file: path, line: Number(line) };
  return [new EvenkeelError('bad-module', `it can't be loaded: ${said || message}`, { place, cause: error })];
}
