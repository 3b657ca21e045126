import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Live, type Connect, type LinkEvents, type LinkStatus } from '../src/lib/live';

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(console, 'warn').mockImplementation(() => {});
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function link(connect?: Connect) {
  const statuses: LinkStatus[] = [];
  const received: string[] = [];
  const connections: LinkEvents[] = [];
  const tokens = vi.fn(async () => ({
    url: 'ws://x/mqtt',
    username: 'u',
    password: `p${tokens.mock.calls.length}`,
    expires_at: '',
  }));
  const end = vi.fn();
  const passwords: string[] = [];
  const live = new Live({
    topic: 'p/1/#',
    token: tokens,
    connect:
      connect ??
      (async (token, _topic, events) => {
        passwords.push(token.password);
        connections.push(events);
        return end;
      }),
    onMessage: (topic) => received.push(topic),
    onStatus: (status) => statuses.push(status),
    random: () => 1,
  });
  return { live, statuses, received, connections, tokens, end, passwords };
}

it('connects, hands on messages, and reconnects with a new token', async () => {
  const { live, statuses, received, connections, passwords } = link();
  live.start();
  await vi.advanceTimersByTimeAsync(0);
  expect(statuses).toEqual(['connecting', 'live']);
  connections[0]?.message('p/1/device/a', '{}');
  expect(received).toEqual(['p/1/device/a']);

  connections[0]?.down();
  await vi.advanceTimersByTimeAsync(0);
  expect(statuses.at(-1)).toBe('interrupted');
  await vi.advanceTimersByTimeAsync(1000);
  expect(statuses.at(-1)).toBe('live');
  expect(passwords).toEqual(['p1', 'p2']);
  live.stop();
});

it('waits longer after each failure, at most half a minute, and tries at once when hurried', async () => {
  const { live, tokens } = link(() => Promise.reject(new Error('refused')));
  const tries = () => tokens.mock.calls.length;
  live.start();
  await vi.advanceTimersByTimeAsync(0);
  for (const seconds of [1, 2, 4, 8, 16, 30, 30]) {
    const before = tries();
    await vi.advanceTimersByTimeAsync(seconds * 1000 - 1);
    expect(tries()).toBe(before);
    await vi.advanceTimersByTimeAsync(1);
    expect(tries()).toBe(before + 1);
  }
  const before = tries();
  live.hurry();
  await vi.advanceTimersByTimeAsync(0);
  expect(tries()).toBe(before + 1);
  live.stop();
});

it('begins with a short pause again after a good link, not after one that broke at once', async () => {
  const { live, connections, tokens } = link();
  live.start();
  await vi.advanceTimersByTimeAsync(0);
  for (const pause of [1000, 2000]) {
    connections.at(-1)?.down();
    await vi.advanceTimersByTimeAsync(pause);
  }
  expect(tokens).toHaveBeenCalledTimes(3);
  await vi.advanceTimersByTimeAsync(10_000);
  connections.at(-1)?.down();
  await vi.advanceTimersByTimeAsync(1000);
  expect(tokens).toHaveBeenCalledTimes(4);
  live.stop();
});

it('ends its connection and says nothing more when stopped', async () => {
  const { live, statuses, received, connections, end, tokens } = link();
  live.start();
  await vi.advanceTimersByTimeAsync(0);
  live.stop();
  expect(end).toHaveBeenCalledOnce();
  connections[0]?.message('p/1/device/a', '{}');
  connections[0]?.down();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(received).toEqual([]);
  expect(statuses).toEqual(['connecting', 'live']);
  expect(tokens).toHaveBeenCalledOnce();
});

it('ends a connection that is made only after it was stopped', async () => {
  const late = vi.fn();
  const { live, statuses } = link(
    () => new Promise((resolve) => setTimeout(() => resolve(late), 500)),
  );
  live.start();
  await vi.advanceTimersByTimeAsync(100);
  live.stop();
  await vi.advanceTimersByTimeAsync(500);
  expect(late).toHaveBeenCalledOnce();
  expect(statuses).toEqual(['connecting']);
});
