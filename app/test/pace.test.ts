import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Pace } from '../src/lib/pace';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function recorder(latencyMs = 0) {
  const sent: [number, number][] = [];
  const start = Date.now();
  let open = 0;
  let mostOpen = 0;
  const pace = new Pace({
    intervalMs: 250,
    send: async (value) => {
      sent.push([Date.now() - start, value]);
      mostOpen = Math.max(mostOpen, ++open);
      await new Promise((done) => setTimeout(done, latencyMs));
      open--;
    },
  });
  return { pace, sent, mostOpen: () => mostOpen };
}

describe('pace', () => {
  it('sends the first value at once, then four a second, and the last one always', async () => {
    const { pace, sent } = recorder();
    for (let ms = 0; ms < 1000; ms += 20) {
      pace.push(ms);
      await vi.advanceTimersByTimeAsync(20);
    }
    pace.push(1000);
    await vi.advanceTimersByTimeAsync(1000);
    expect(sent[0]).toEqual([0, 0]);
    expect(sent.length).toBeLessThanOrEqual(6);
    expect(sent.at(-1)?.[1]).toBe(1000);
    for (let i = 1; i < sent.length; i++) {
      expect((sent[i]?.[0] ?? 0) - (sent[i - 1]?.[0] ?? 0)).toBeGreaterThanOrEqual(250);
    }
  });

  it('has one request under way at a time, however slow the server is', async () => {
    const { pace, sent, mostOpen } = recorder(2000);
    for (let value = 1; value <= 5; value++) {
      pace.push(value);
      await vi.advanceTimersByTimeAsync(300);
    }
    await vi.advanceTimersByTimeAsync(5000);
    expect(sent.map(([, value]) => value)).toEqual([1, 5]);
    expect(mostOpen()).toBe(1);
  });

  it('waits for the keyboard to come to rest', async () => {
    const { pace, sent } = recorder();
    for (let value = 1; value <= 5; value++) {
      pace.push(value, 250);
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(sent).toEqual([]);
    expect(pace.idle).toBe(false);
    await vi.advanceTimersByTimeAsync(250);
    expect(sent.map(([, value]) => value)).toEqual([5]);
    expect(pace.idle).toBe(true);
  });

  it('sends the same value again only after a new beginning', async () => {
    const { pace, sent } = recorder();
    pace.push(5);
    await vi.advanceTimersByTimeAsync(300);
    pace.push(5);
    await vi.advanceTimersByTimeAsync(300);
    expect(sent).toHaveLength(1);
    pace.reset();
    pace.push(5);
    await vi.advanceTimersByTimeAsync(300);
    expect(sent).toHaveLength(2);
  });
});
