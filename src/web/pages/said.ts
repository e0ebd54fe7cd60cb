import { count } from '../../show/text.ts';
import { type Html, html } from '../html.ts';

const sentences: Readonly<Record<string, (n: number) => string>> = {
  approved: n => `${count(n, 'violation')} approved: healed as soon as a process gets to it.`,
  held: () => 'It is left alone until somebody says resume.',
  resumed: () => 'It goes on.',
  swept: () => 'Every row is looked at anew.',
  undone: n => `${count(n, 'row')} restored, and left alone from now on.`,
};

/** What was just done: a word and a number of the address, never a text from it. */
export function said(query: URLSearchParams): Html {
  const word = query.get('said') ?? '';
  const sentence = Object.hasOwn(sentences, word) ? sentences[word] : undefined;
  const n = Number(query.get('n') ?? '1');
  return sentence && Number.isSafeInteger(n)
    ? html`<p class="said" role="status">${sentence(n)}</p>`
    : html``;
}
