import { describe, expect, it } from 'vitest';
import { parseMessage, topicOf } from '../src/lib/topics';
import { command, state } from './make';

describe('live messages', () => {
  it('are read by their topic', () => {
    const light = state('a');
    expect(topicOf('P')).toBe('p/P/#');
    expect(parseMessage('p/P/device/a', JSON.stringify(light))).toEqual({
      kind: 'device',
      state: light,
    });
    const presence = { eui64: 'gw', online: false, since: null };
    expect(parseMessage('p/P/gateway/gw', JSON.stringify(presence))).toEqual({
      kind: 'gateway',
      presence,
    });
    const result = command('c1');
    expect(parseMessage('p/P/command/c1', JSON.stringify(result))).toEqual({
      kind: 'command',
      command: result,
    });
  });

  it.each([
    ['no JSON', 'p/P/device/a', '{'],
    ['no object', 'p/P/device/a', '7'],
    ['null', 'p/P/device/a', 'null'],
    ['another device than the topic', 'p/P/device/b', JSON.stringify(state('a'))],
    ['a time that is none', 'p/P/device/a', JSON.stringify(state('a', { at: 'now' }))],
    ['a level that is none', 'p/P/device/a', JSON.stringify({ ...state('a'), level: 'full' })],
    ['an unknown kind', 'p/P/weather/a', '{}'],
    ['a short topic', 'p/P', '{}'],
    ['another tree', 'g/P/device/a', JSON.stringify(state('a'))],
    ['outcomes that are none', 'p/P/command/c', JSON.stringify({ ...command('c'), outcomes: 1 })],
    ['a presence without a word', 'p/P/gateway/gw', JSON.stringify({ eui64: 'gw' })],
  ])('are ignored with %s', (_, topic, payload) => {
    expect(parseMessage(topic, payload)).toBeNull();
  });
});
