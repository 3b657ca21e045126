import { describe, expect, it, vi } from 'vitest';
import { Api, Problem } from '../src/lib/api';
import { explain, fieldProblems } from '../src/lib/errors';
import { strings } from '../src/lib/strings';

type Answer = { status?: number; body?: unknown; headers?: Record<string, string> } | Error;

/** An API whose server gives the answers in turn, and the requests that it made. */
function api(...answers: Answer[]) {
  const calls: { url: string; init: RequestInit }[] = [];
  const waits: number[] = [];
  const onSignedOut = vi.fn();
  const onServerTime = vi.fn();
  const client = new Api({
    fetch: async (input, init = {}) => {
      calls.push({ url: String(input), init });
      const answer = answers.shift();
      if (!answer) throw new Error('no answer left');
      if (answer instanceof Error) throw answer;
      const body = answer.body === undefined ? null : JSON.stringify(answer.body);
      return new Response(body, { status: answer.status ?? 200, headers: answer.headers ?? {} });
    },
    sleep: async (ms) => void waits.push(ms),
    onSignedOut,
    onServerTime,
  });
  return { client, calls, waits, onSignedOut, onServerTime };
}

const away = new TypeError('Failed to fetch');

describe('requests', () => {
  it('go to the API of this origin, with parts that cannot change the path', async () => {
    const { client, calls } = api({ body: {} });
    await client.project('../x?y');
    expect(calls[0]?.url).toBe('/api/v1/projects/..%2Fx%3Fy');
    expect(calls[0]?.init.credentials).toBe('same-origin');
  });

  it('read all pages', async () => {
    const { client, calls } = api(
      { body: { items: [1, 2], next_cursor: 'a/b' } },
      { body: { items: [3] } },
    );
    expect(await client.devices('P')).toEqual([1, 2, 3]);
    expect(calls[1]?.url).toBe('/api/v1/projects/P/devices?cursor=a%2Fb');
  });

  it('send commands as they are', async () => {
    const { client, calls } = api({ status: 202, body: { id: 'c' } });
    await client.command('P', { group: 'g', level: 500, fade_ms: 250 });
    expect(calls[0]?.init.method).toBe('POST');
    expect(calls[0]?.init.body).toBe('{"group":"g","level":500,"fade_ms":250}');
  });

  it('name members and pages of the log by what cannot change the path', async () => {
    const { client, calls } = api(
      { body: { account_id: 'A' } },
      { status: 204 },
      { body: { items: [], next_cursor: '7' } },
      { body: { items: [] } },
    );
    await client.changeMember('P', 'a/b', { role: 'user', groups: ['g'] });
    expect(calls[0]).toMatchObject({
      url: '/api/v1/projects/P/members/a%2Fb',
      init: { method: 'PUT', body: '{"role":"user","groups":["g"]}' },
    });
    await client.removeMember('P', 'a/b');
    expect(calls[1]).toMatchObject({
      url: '/api/v1/projects/P/members/a%2Fb',
      init: { method: 'DELETE' },
    });
    const first = await client.securityLog('P', null);
    await client.securityLog('P', first.next_cursor ?? null);
    expect(calls[2]?.url).toBe('/api/v1/projects/P/security-log?limit=50');
    expect(calls[3]?.url).toBe('/api/v1/projects/P/security-log?limit=50&cursor=7');
  });

  it('carry what is behind a link in their body alone', async () => {
    const { client, calls } = api({ status: 201, body: {} }, { status: 204 });
    await client.confirmRegistration('secret', 'a long password');
    await client.resetPassword('secret', 'a long password');
    expect(calls.map(({ url }) => url)).toEqual([
      '/api/v1/registrations/confirm',
      '/api/v1/password-resets/confirm',
    ]);
    for (const { init } of calls) {
      expect(init.body).toBe('{"token":"secret","password":"a long password"}');
    }
  });

  it('understand an answer without a body', async () => {
    const { client } = api({ status: 204 });
    expect(await client.signOut()).toBeUndefined();
  });
});

describe('failures', () => {
  it('of reads are tried again while they may pass', async () => {
    const { client, calls, waits } = api(away, { status: 503 }, { body: { id: 'P' } });
    expect(await client.project('P')).toEqual({ id: 'P' });
    expect(calls).toHaveLength(3);
    expect(waits).toEqual([400, 1200]);
  });

  it('are given up after three tries, and at once when they will not pass', async () => {
    const gone = api(away, away, away);
    await expect(gone.client.project('P')).rejects.toMatchObject({ status: 0 });
    expect(gone.calls).toHaveLength(3);
    const missing = api({ status: 404 });
    await expect(missing.client.project('P')).rejects.toMatchObject({ status: 404 });
    expect(missing.calls).toHaveLength(1);
  });

  it('of writes are never tried again', async () => {
    const { client, calls } = api(away);
    await expect(client.command('P', { device: 'a', on: true, fade_ms: 0 })).rejects.toThrow();
    expect(calls).toHaveLength(1);
  });

  it('wait as long as the server asks, within reason', async () => {
    const { client, waits } = api(
      { status: 429, headers: { 'Retry-After': '2' } },
      { status: 429, headers: { 'Retry-After': '3600' } },
      { body: {} },
    );
    await client.project('P');
    expect(waits).toEqual([2000, 5000]);
  });

  it('carry what the server says for people', async () => {
    const detail = 'the gateway is offline: try again when it is back';
    const { client } = api({ status: 409, body: { title: 'Conflict', status: 409, detail } });
    const error = await client
      .command('P', { device: 'a', on: true, fade_ms: 0 })
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Problem);
    expect(explain(error)).toBe('The gateway is offline: try again when it is back.');
  });

  it('say what is wrong with which field, unless it is none of the form', () => {
    const wrong = (location: string) =>
      new Problem(422, '', 'of another form', [{ location, message: 'expected length >= 1' }]);
    expect(fieldProblems(wrong('body.name'), ['name', 'email'])).toEqual({
      name: 'Expected length >= 1.',
    });
    expect(fieldProblems(wrong('body.other'), ['name'])).toBeNull();
    expect(fieldProblems(new Problem(422, '', 'x'), ['name'])).toBeNull();
    expect(fieldProblems(new Error('x'), ['name'])).toBeNull();
  });

  it('without words of the server get ours', () => {
    expect(explain(new Problem(0, 'No answer', ''))).toBe(strings.errors.unreachable);
    expect(explain(new Problem(500, '', ''))).toBe(strings.errors.internal);
    expect(explain(new Problem(429, '', ''))).toBe(strings.errors.tooMany);
    expect(explain(new Error('x'))).toBe(strings.errors.notUnderstood);
  });

  it('that mean the end of the session are told, except where 401 is a usual answer', async () => {
    const inside = api({ status: 401 });
    await expect(inside.client.projects()).rejects.toMatchObject({ status: 401 });
    expect(inside.onSignedOut).toHaveBeenCalledOnce();
    const asking = api({ status: 401 }, { status: 401 });
    await expect(asking.client.session()).rejects.toMatchObject({ status: 401 });
    await expect(asking.client.signIn('a', 'b')).rejects.toMatchObject({ status: 401 });
    expect(asking.onSignedOut).not.toHaveBeenCalled();
  });
});

it("learns the server's time", async () => {
  const { client, onServerTime } = api({
    body: {},
    headers: { Date: 'Mon, 02 Mar 2026 09:00:00 GMT' },
  });
  await client.project('P');
  expect(onServerTime).toHaveBeenCalledWith(Date.parse('2026-03-02T09:00:00Z'));
});
