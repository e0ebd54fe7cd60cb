import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type ErrorCode, EvenkeelError, EvenkeelErrors, errors } from '../src/errors.ts';

const root = join(import.meta.dirname, '..');
const codes = Object.keys(errors) as ErrorCode[];
const pages = readdirSync(join(root, 'docs/errors')).map(name => name.replace(/\.md$/, ''));
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.ts') && name !== 'errors.ts')
  .map(name => readFileSync(join(root, 'src', name), 'utf8'))
  .join('\n');

test('every code has its page, and every page its code', () => {
  expect(pages.sort()).toEqual([...codes].sort());
});

describe.each(codes)('%s', code => {
  const page = readFileSync(join(root, `docs/errors/${code}.md`), 'utf8');

  test('its page says when it happens, what to do, and whether trying again helps', () => {
    const parts = page.split(/^## /m).map(part => part.trim());
    expect(parts.map(part => part.split('\n')[0])).toEqual([
      `# \`${code}\``,
      'When it happens',
      'What to do',
      'Does trying again help?',
    ]);
    for (const part of parts) expect(part.split('\n').slice(2).join(' ').length).toBeGreaterThan(15);
    expect(page).toContain(`\n> ${errors[code].hint}\n`);
    expect(parts[3]).toMatch(errors[code].retry ? /\n\nYes\. / : /\n\nNo\. /);
  });

  test('its page leads somewhere', () => {
    for (const [, link] of page.matchAll(/\]\(([^)]+)\)/g)) {
      expect(readFileSync(join(root, 'docs/errors', link!), 'utf8')).not.toBe('');
    }
  });

  test('something can have it', () => {
    expect(sources).toContain(`'${code}'`);
  });
});

test('an error says where, and what to do', () => {
  const error = new EvenkeelError('bad-sql', 'there is no SELECT', {
    place: { file: 'a.sql', line: 3, column: 7 },
  });
  expect(error).toMatchObject({
    located: 'a.sql:3:7: there is no SELECT',
    hint: errors['bad-sql'].hint,
    retry: false,
  });
  expect(new EvenkeelError('bad-sql', 'x', { hint: 'y' })).toMatchObject({ located: 'x', hint: 'y' });
  expect(new EvenkeelErrors([error, error]).message.split('\n')).toHaveLength(2);
});
