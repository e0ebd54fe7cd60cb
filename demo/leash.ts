/** Loaded into each worker before anything else: when the show ends, however it ends, its workers end too. */
process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM')).resume();
(process.stdin as NodeJS.ReadStream & { unref?(): void }).unref?.();
