import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { namesIn, sayEntry, saySubject } from '../src/lib/securitylog';
import { strings } from '../src/lib/strings';
import { group, light, logEntry, member, network } from './make';

const names = namesIn({
  account: { id: 'ada', name: 'Ada', email: 'ada@example.org' },
  members: [member('ada', { name: 'Ada', role: 'owner' }), member('bob', { name: 'Bob' })],
  devices: [light('00124b0000000001')],
  groups: [group('g1', 1, [], 'Hall')],
  networks: [network(true, null)],
});
const plain = (text: string) => text.replaceAll('\u00a0', ' ');

describe('people and things', () => {
  it.each([
    ['account:ada', 'You'],
    ['account:bob', 'Bob'],
    ['account:0190a6e2-8f0e-7cc3-98c4-dc0c0c07398f', 'Account …0c07398f'],
    ['group:g1', 'Hall'],
    ['group:g2', 'Group g2'],
    ['device:00124b0000000001', 'Light 00124b0000000001'],
    ['device:00124b0000000002', 'Device 00:12:4B:00:00:00:00:02'],
    ['gateway:00124b0000000009', 'Gateway 00:12:4B:00:00:00:00:09'],
    ['network:n1', 'Ground floor'],
    ['operator', 'Operator of this server'],
    ['kind-to-come:x', 'kind-to-come:x'],
    ['constructor', 'constructor'],
    ['', ''],
  ])('%s is %s', (subject, text) => expect(saySubject(subject, names)).toBe(text));
});

describe('an entry', () => {
  it('says who did what to what', () => {
    const change = { action: 'member.set', target: 'account:bob', detail: 'role=user groups=2' };
    const said = sayEntry(logEntry(change), names);
    expect({ ...said, target: plain(said.target) }).toEqual({
      who: 'You',
      what: 'Gave a role',
      target: 'Bob, User, 2 groups',
      refused: false,
    });
  });

  it('says a name once that a thing and its position share', () => {
    const change = { target: 'device:00124b0000000001', detail: 'position:p-00124b0000000001' };
    expect(sayEntry(logEntry(change), names).target).toBe('Light 00124b0000000001');
  });

  it('says what was refused', () => {
    const refusal = {
      action: 'access.refused',
      target: 'list-members',
      result: 'refused' as const,
    };
    expect(sayEntry(logEntry(refusal), names)).toMatchObject({
      what: 'Tried to see the members',
      target: '',
      refused: true,
    });
    expect(sayEntry(logEntry({ ...refusal, target: 'to-come' }), names).what).toBe(
      'Tried to to-come',
    );
  });

  it('counts the refusals that were left out', () => {
    const entry = logEntry({ action: 'refusals.left-out', target: '', detail: 'count=12' });
    expect(plain(sayEntry(entry, names).target)).toBe('12 refusals');
  });

  it('of support says what was done, how far and by which grant', () => {
    const used = logEntry({
      action: 'support.used',
      target: 'list-devices',
      detail: 'support:ABCD',
    });
    expect(sayEntry(used, names)).toMatchObject({
      what: 'As support: see the lights',
      target: 'Support grant ABCD',
    });
    const made = logEntry({
      action: 'support.granted',
      target: '',
      detail: 'access=write hours=2',
    });
    expect(sayEntry(made, names).target).toBe('Look and change, 2\u00a0hours');
  });

  it('that is not known is shown as it is', () => {
    const entry = logEntry({ action: 'toString', target: 'x', detail: 'why=that role=king' });
    expect(sayEntry(entry, names)).toMatchObject({
      what: 'toString',
      target: 'x, why=that, role=king',
    });
  });
});

it('tells what a program did from what its maker did', () => {
  const names = new Map([['account:ada', 'Ada']]);
  expect(sayEntry(logEntry({ origin: 'token:X' }), names).who).toBe('Ada, by a token');
  expect(sayEntry(logEntry({ origin: 'session:1' }), names).who).toBe('Ada');
});

it('has words for every action of a project that the cloud writes', () => {
  const source = readFileSync(new URL('../../cloud/audit/audit.go', import.meta.url), 'utf8');
  const actions = [...source.matchAll(/Action = "([a-z.-]+)"/g)].map(([, action]) => action ?? '');
  const elsewhere =
    /^(account|session|token|vault|identity|identities|journal|operator)\.|^(access\.refused|support\.used)$/;
  const ours = actions.filter((action) => !elsewhere.test(action));
  expect(ours).toContain('member.set');
  expect(ours.filter((action) => !Object.hasOwn(strings.log.action, action))).toEqual([]);
});
