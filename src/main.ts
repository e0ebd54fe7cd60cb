/** Where `bin/evenkeel.js` comes in: the one place that knows both doors. */
import { main } from './cli/main.ts';

await main(process.argv.slice(2), async options => (await import('./web/server.ts')).openWeb(options));
