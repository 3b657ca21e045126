import { expect, it } from 'vitest';
import { countries } from '../src/lib/countries';
import { emailFault, passwordFault } from '../src/lib/forms';
import { granted, memberName, ordered, sameRights } from '../src/lib/members';
import { strings } from '../src/lib/strings';
import { member } from './make';

it('orders members by what they may do, then by name', () => {
  const list = [
    member('zoe', { role: 'viewer' }),
    member('bob', { role: 'owner' }),
    member('ada', { role: 'viewer' }),
  ];
  expect(ordered(list).map(memberName)).toEqual(['bob', 'ada', 'zoe']);
});

it('calls somebody whose account is gone by no name', () => {
  expect(memberName(member('a', { name: '' }))).toBe('a@example.org');
  expect(memberName(member('a', { name: '', email: '' }))).toBe(strings.members.nameless);
});

it('grants groups to users alone', () => {
  expect(granted({ role: 'user', groups: ['g'] })).toEqual({ role: 'user', groups: ['g'] });
  expect(granted({ role: 'expert', groups: ['g'] })).toEqual({ role: 'expert', groups: [] });
});

it.each([
  ['user', ['a', 'b'], 'user', ['b', 'a'], true],
  ['user', ['a', 'b'], 'user', ['a'], false],
  ['user', ['a'], 'user', ['b'], false],
  ['owner', ['a'], 'owner', [], true], // an owner has no granted groups
  ['user', [], 'viewer', [], false],
] as const)('rights %s %j and %s %j', (role, groups, other, others, same) => {
  expect(sameRights({ role, groups }, { role: other, groups: others })).toBe(same);
});

it.each([
  ['', strings.signIn.emailMissing],
  ['ada', strings.signIn.emailWrong],
  [' ada@example.org ', ''],
])('the address "%s"', (email, fault) => expect(emailFault(email)).toBe(fault));

it('counts the characters of a password as people do', () => {
  expect(passwordFault('')).toBe(strings.signIn.passwordMissing);
  expect(passwordFault('elevenchars')).toContain('11');
  expect(passwordFault('💡'.repeat(11))).toContain('11');
  expect(passwordFault('twelve chars')).toBe('');
});

it('knows every country once, in the order of the names', () => {
  const all = countries();
  expect(new Set(all.map(({ code }) => code)).size).toBe(249); // of ISO 3166-1
  expect(all.find(({ code }) => code === 'DE')?.name).toBe('Germany');
  expect(all.filter(({ code, name }) => code === name)).toEqual([]);
  const names = all.map(({ name }) => name);
  expect(names).toEqual(names.toSorted(new Intl.Collator('en-GB').compare));
});
