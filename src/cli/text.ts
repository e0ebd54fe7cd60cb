/**
 * What came from a database is shown so that it can do nothing to a terminal or to the reader's eye: control characters,
 * line ends, and marks that turn the direction of writing or can't be seen are spelled out.
 */
export function clean(text: string, keepLines = false): string {
  return text.replace(unsafe, found => {
    if (keepLines && found === '\n') return found;
    const short = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[found];
    return short ?? `\\u{${found.codePointAt(0)?.toString(16)}}`;
  });
}
// oxlint-disable-next-line no-control-regex -- they are what this is about
const unsafe = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|[\ud800-\udfff](?![\udc00-\udfff])/gu;
