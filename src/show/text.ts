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

/** `1 row`, `2 rows` */
export const count = (n: number, one: string, many = `${one}s`): string =>
  `${grouped(n)} ${n === 1 ? one : many}`;

/** 1,234,567 */
export const grouped = (n: number): string => String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ',');
