import type { Closed, Closing } from './close.ts';
import { definitions, expressed } from './driver.ts';
import { Names, property, remark, string } from './names.ts';
import type { Field, Shape, Type } from './read.ts';

/** A table or view, and what was proved of it. */
export interface Told {
  readonly shape: Shape;
  readonly closing: Closing;
}

/**
 * The types of all these in the shape that Kysely expects: an interface for each table, and `DB`.
 * @param command how to write the file again
 */
export function write(told: readonly Told[], command: string): string {
  const file = new File(command);
  for (const one of told) file.add(one);
  return file.toString();
}

class File {
  readonly #command: string;
  readonly #names = new Names();
  readonly #imports = new Set<string>();
  readonly #definitions = new Set<keyof typeof definitions>();
  readonly #enums = new Map<number, { name: string; text: string }>();
  readonly #tables: string[] = [];
  readonly #keys: string[] = [];

  constructor(command: string) {
    this.#command = command;
  }

  add({ shape, closing }: Told): void {
    const name = this.#names.of(shape);
    const columns = shape.columns.flatMap(field => this.#column(shape, field, closing));
    this.#tables.push(block(name, columns));
    if (nameable(shape)) this.#keys.push(`  ${property(keyOf(shape))}: ${name};`);
  }

  toString(): string {
    const kysely = [...this.#imports].sort().join(', ');
    const enums = [...this.#enums.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    const parts = [
      `// Written by \`evenkeel types\` from the schema: what a CHECK, an enum or a domain closes is a union.\n// Not to be edited; write it again with: ${remark(this.#command)}`,
      ...(kysely === '' ? [] : [`import type { ${kysely} } from 'kysely';`]),
      ...[...this.#definitions].sort().map(one => definitions[one]),
      ...enums.map(({ text }) => text),
      ...this.#tables,
      block('DB', this.#keys),
    ];
    return `${parts.join('\n\n')}\n`;
  }

  #column(shape: Shape, field: Field, { closed, filled }: Closing): string[] {
    const union = closed.get(field.name);
    const nullable = field.nullable && !filled.has(field.name);
    const { read, write } = union ? unionOf(field.type, union) : this.#open(field);
    const or = (type: string) => (nullable ? `${type} | null` : type);
    const type = this.#wrapped(or(read), or(write), shape.writable ? field.filled : 'always');
    const why = union ? [`  /** Closed by ${remark(union.by.join(', '))}. */`] : [];
    return [...why, `  ${property(field.name)}: ${type};`];
  }

  #open({ type, array }: Field): { read: string; write: string } {
    // Drivers have no parser for arrays of enums: they come as text.
    if (type.labels && !array) {
      const name = this.#enum(type, type.labels);
      return { read: name, write: name };
    }
    const one = expressed(type.oid, array);
    if (one.needs) this.#definitions.add(one.needs);
    return one;
  }

  #enum(type: Type, labels: readonly string[]): string {
    const known = this.#enums.get(type.oid);
    if (known) return known.name;
    const name = this.#names.of(type);
    const says = `/** Closed by the enum ${remark(type.visible ? type.name : `${type.schema}.${type.name}`)}. */`;
    const text = `${says}\nexport type ${name} = ${labels.map(string).join(' | ') || 'never'};`;
    this.#enums.set(type.oid, { name, text });
    return name;
  }

  #wrapped(read: string, write: string, filled: Field['filled']): string {
    if (filled === 'always') return `${this.#import('GeneratedAlways')}<${read}>`;
    if (read === write) return filled === 'default' ? `${this.#import('Generated')}<${read}>` : read;
    const insert = filled === 'default' ? `${write} | undefined` : write;
    return `${this.#import('ColumnType')}<${read}, ${insert}, ${write}>`;
  }

  #import(name: string): string {
    this.#imports.add(name);
    return name;
  }
}

/** How Kysely is told of a table. */
export const keyOf = ({ schema, name, visible }: Shape): string => (visible ? name : `${schema}.${name}`);

/** Kysely takes a dot for the end of a schema's name, and ` as ` for an alias: such a table has its interface, and no key. */
export const nameable = ({ schema, name, visible }: Shape): boolean =>
  !/\.| as /i.test(visible ? name : `${schema} ${name}`);

function unionOf({ name }: Type, { values }: Closed): { read: string; write: string } {
  const join = (of: (value: string) => string) => values.map(of).join(' | ');
  if (name === 'bool' || name === 'int2' || name === 'int4')
    return { read: join(String), write: join(String) };
  if (name !== 'int8') return { read: join(string), write: join(string) };
  // A bigint comes as text, and goes as any of the three.
  const exact = (value: string) => (Number.isSafeInteger(Number(value)) ? ` | ${value}` : '');
  return { read: join(string), write: join(value => `${string(value)}${exact(value)} | ${value}n`) };
}

const block = (name: string, lines: readonly string[]): string =>
  lines.length === 0 ? `export interface ${name} {}` : `export interface ${name} {\n${lines.join('\n')}\n}`;
