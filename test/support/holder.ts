/** A process that starts a server and holds it until it is killed. Prints the server as one line of JSON. */
import { startEmbedded } from '../../src/db/embedded.ts';

const { url, pid, dir } = await startEmbedded();
process.stdout.write(`${JSON.stringify({ url, pid, dir })}\n`);
// An open standard input keeps the process alive; the end of it is the order to stop.
process.stdin.resume();
