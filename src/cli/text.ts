/**
 * What came from a database is shown so that it can do nothing to a terminal or to the reader's eye: control characters,
 * line ends, and marks that turn the direction of writing or can't be seen are spelled out.
 */
export function clean(text: string): string {
  return text.replace(unsafe, found => {
    const short = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[found];
    return short ?? `\\u{${found.codePointAt(0)?.toString(16)}}`;
  });
}
const unsafe = new RegExp(
  // C0 and C1; soft hyphen and its like; zero widths and marks of direction; lone halves of pairs; tags.
  String.raw`[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff]|[\u{e0000}-\u{e0fff}]`,
  'gu',
);

/** Columns of a terminal that a text takes: East Asian wide letters and emoji two, combining marks none. */
export function width(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let sum = 0;
  for (const char of text) {
    if (/\p{M}/u.test(char)) continue;
    sum += wide.test(char) ? 2 : 1;
  }
  return sum;
}
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/u;

/** At most so many columns; what is left out is an ellipsis. */
export function cut(text: string, most: number): string {
  if (width(text) <= most) return text;
  let kept = '';
  let sum = 0;
  for (const char of text) {
    sum += width(char);
    if (sum > most - 1) break;
    kept += char;
  }
  return `${kept}…`;
}

export const pad = (text: string, to: number): string => text + ' '.repeat(Math.max(0, to - width(text)));
export const padLeft = (text: string, to: number): string => ' '.repeat(Math.max(0, to - width(text))) + text;

/** Breaks at spaces into lines of at most so many columns; a longer word stands alone. */
export function wrap(text: string, most: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && width(line) + 1 + width(word) > most) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** `1 row`, `2 rows` */
export const count = (n: number, one: string, many = `${one}s`): string =>
  `${grouped(n)} ${n === 1 ? one : many}`;

/** 1,234,567 */
export const grouped = (n: number): string => String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ',');
