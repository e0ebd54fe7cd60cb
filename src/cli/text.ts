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
