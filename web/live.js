// Keeps the page in step while it is looked at. Without this script everything is there, as of when it was loaded.
const light = document.getElementById('live');
const main = document.getElementById('main');
const moving = 'section[id], p[id]';
let asking = false;
let again = false;

/** Somebody is about to decide, or reads on: that part stays as it is. */
const isBusy = part =>
  part.querySelector('input[type=checkbox]:checked') !== null ||
  (part.contains(document.activeElement) && /^(INPUT|SELECT|BUTTON)$/.test(document.activeElement.tagName)) ||
  (String(getSelection()) !== '' && part.contains(getSelection().anchorNode));

async function refresh() {
  if (document.hidden) return void (again = true);
  if (asking) return void (again = true);
  asking = true;
  again = false;
  try {
    const response = await fetch(location.href, {
      headers: { accept: 'text/html' },
      redirect: 'error',
      signal: AbortSignal.timeout(10_000),
    });
    if (response.headers.get('content-type')?.includes('text/html')) {
      const next = new DOMParser().parseFromString(await response.text(), 'text/html').getElementById('main');
      if (next) bringIn(next);
      shine(response.ok);
    }
  } catch {
    shine(false);
  }
  asking = false;
  if (again) setTimeout(refresh, 1000);
}

/** Part by part where both have the same ones, so that focus and place stay. */
function bringIn(next) {
  const parts = [...main.querySelectorAll(moving)];
  const others = new Map([...next.querySelectorAll(moving)].map(part => [part.id, part]));
  if (parts.length !== others.size || !parts.every(part => others.has(part.id))) {
    if (!isBusy(main)) main.replaceChildren(...next.childNodes);
    return;
  }
  for (const part of parts) {
    const other = others.get(part.id);
    if (part.isEqualNode(other) || isBusy(part)) continue;
    const focus = part.contains(document.activeElement) ? document.activeElement.getAttribute('href') : null;
    mark(part, other);
    part.replaceWith(other);
    if (focus !== null) other.querySelector(`[href="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
  }
}

/** What has just come in is shown for a moment. */
function mark(part, other) {
  const known = new Set([...part.querySelectorAll('[data-id]')].map(one => one.dataset.id));
  if (known.size === 0) return;
  for (const one of other.querySelectorAll('[data-id]'))
    if (!known.has(one.dataset.id)) one.classList.add('new');
}

function shine(ok) {
  light.hidden = false;
  light.textContent = ok ? 'live' : 'cut off';
  light.classList.toggle('off', !ok);
}

// A connection may be gone without anybody saying so: then nothing is heard of it any more.
let silence = setTimeout(shine, 15_000, false);
function heard() {
  clearTimeout(silence);
  silence = setTimeout(shine, 15_000, false);
}

const source = new EventSource('/live');
for (const name of ['hello', 'changed', 'ping']) source.addEventListener(name, heard);
source.addEventListener('hello', () => void refresh());
source.addEventListener('changed', () => void refresh());
source.addEventListener('error', () => shine(false));
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && again) void refresh();
});
