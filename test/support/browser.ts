import { type Browser, chromium } from 'playwright-core';

/** Debian's. */
const executable = '/usr/bin/chromium';

export function openBrowser(): Promise<Browser> {
  const off = ['gpu', 'quic', 'background-networking', 'component-update', 'sync'].map(
    what => `--disable-${what}`,
  );
  return chromium.launch({ executablePath: executable, args: ['--no-sandbox', '--no-first-run', ...off] });
}
