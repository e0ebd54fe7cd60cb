/**
 * People before the dashboard, in a process of their own: each listens to `/live`, and asks for the page anew when it is told to,
 * as web/live.js does. Counts from `begin` on.
 */
import { request } from 'node:http';
import { median } from '../stage.ts';

export interface Looking {
  readonly url: string;
  readonly viewers: number;
}

export interface Looked {
  readonly pages: number;
  /** Of a page until its last byte, the median. */
  readonly ms: number;
  readonly seconds: number;
  /** Of this process, s. */
  readonly cpu: number;
}

const { url, viewers } = JSON.parse(process.argv[2] ?? '{}') as Looking;
const pages = ['/', '/', '/', '/waiting', '/journal'];
let took: number[] = [];
let began = performance.now();
let used = process.cpuUsage();

function get(path: string, told: (text: string) => void, over: () => void): void {
  const asked = request(`${url}${path}`, { agent: false }, response => {
    response.setEncoding('utf8');
    response.on('data', told).on('end', over).on('error', over);
  });
  asked.on('error', over).end();
}

function view(path: string): Promise<void> {
  let asking = false;
  const refresh = () => {
    if (asking) return;
    asking = true;
    const started = performance.now();
    const over = () => {
      asking = false;
      took.push(performance.now() - started);
    };
    get(path, () => undefined, over);
  };
  return new Promise(resolve =>
    get(
      '/live',
      text => {
        resolve();
        if (/event: (hello|changed)/.test(text)) refresh();
      },
      () => undefined,
    ),
  );
}

process.on('message', (message: 'begin' | 'count') => {
  if (message === 'begin') {
    took = [];
    began = performance.now();
    used = process.cpuUsage();
    return;
  }
  const { user, system } = process.cpuUsage(used);
  const seconds = (performance.now() - began) / 1000;
  process.send?.({ pages: took.length, ms: median(took), seconds, cpu: (user + system) / 1e6 });
});
process.on('disconnect', () => process.exit());
await Promise.all(Array.from({ length: viewers }, (_, i) => view(pages[i % pages.length] ?? '/')));
process.send?.('ready');
