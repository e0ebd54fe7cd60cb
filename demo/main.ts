/** The first command: `npm start`. Exit codes: 0 all promises kept, 1 one wasn't or something failed, 2 wrong use. */
import { readOptions, usage } from './options.ts';
import { listen } from './screen/keys.ts';
import { openScreen } from './screen/screen.ts';
import { perform } from './show.ts';

const options = readOptions(process.argv.slice(2));
if (options === 'help') process.stdout.write(usage);
else if (options instanceof Error) {
  process.stderr.write(`${options.message}\n\n${usage}`);
  process.exitCode = 2;
} else {
  const closing = new AbortController();
  let interrupted = false;
  const end = () => {
    interrupted = true;
    closing.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
  // Whoever read it has gone, as in `npm start | head`.
  for (const out of [process.stdout, process.stderr]) out.on('error', end);
  const screen = options.json ? openScreen(process.stderr, true) : openScreen(process.stdout);
  const keys = listen(process.stdin, { end });
  try {
    const { kept, summary, verdict } = await perform(options, screen, keys, closing);
    screen.close();
    for (const line of summary) (options.json ? process.stderr : process.stdout).write(`${line}\n`);
    if (options.json) process.stdout.write(`${JSON.stringify(verdict)}\n`);
    process.exitCode = kept ? 0 : 1;
  } catch (error) {
    screen.close();
    if (!interrupted) {
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    }
    process.exitCode = interrupted ? 130 : 1;
  } finally {
    keys.close();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, end);
  }
}
