/** A request as ours are. What a refused one was about is not sent again: there is always more. */
export async function send(upstream: string): Promise<void> {
  const response = await fetch(upstream, { method: 'POST', body: '{}' });
  await response.arrayBuffer();
}
