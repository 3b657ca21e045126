import { expect, it } from 'vitest';
import { isOpen, parseRoute, paths, tokenIn } from '../src/lib/routes';

it.each([
  ['/', { screen: 'projects' }],
  ['/projects/', { screen: 'projects' }],
  ['/projects/P', { screen: 'project', project: 'P', device: null }],
  ['/projects/P/lights/00ff', { screen: 'project', project: 'P', device: '00ff' }],
  ['/projects/P/devices', { screen: 'devices', project: 'P' }],
  ['/projects/a%2Fb', { screen: 'project', project: 'a/b', device: null }],
  ['/projects/P/alerts', { screen: 'alerts', project: 'P' }],
  ['/projects/P/alerts/settings', { screen: 'alert-settings', project: 'P' }],
  ['/projects/P/devices/00ff', { screen: 'device', project: 'P', device: '00ff' }],
  ['/projects/P/energy', { screen: 'energy', project: 'P' }],
  ['/projects/P/energy/settings', { screen: 'energy-settings', project: 'P' }],
  ['/projects/P/energy/other', { screen: 'not-found' }],
  ['/projects/P/occupancy', { screen: 'occupancy', project: 'P' }],
  ['/projects/P/lights', { screen: 'not-found' }],
  ['/projects/P/lights/00ff/more', { screen: 'not-found' }],
  ['/projects/%', { screen: 'not-found' }],
  ['/projects/P/members', { screen: 'members', project: 'P' }],
  ['/projects/P/members/A', { screen: 'not-found' }],
  ['/projects/P/log', { screen: 'log', project: 'P' }],
  ['/projects/P/data', { screen: 'data', project: 'P' }],
  ['/projects/P/support', { screen: 'project-support', project: 'P' }],
  ['/projects/P/support/S', { screen: 'not-found' }],
  ['/projects/P/apps', { screen: 'apps', project: 'P' }],
  ['/projects/P/apps/A', { screen: 'not-found' }],
  ['/oauth/authorize', { screen: 'authorize', query: '' }],
  ['/oauth/token', { screen: 'not-found' }],
  ['/support', { screen: 'support' }],
  ['/account', { screen: 'account' }],
  ['/account/more', { screen: 'not-found' }],
  ['/register', { screen: 'register', token: null }],
  ['/register/more', { screen: 'not-found' }],
  ['/forgot', { screen: 'forgot' }],
  ['/reset/', { screen: 'reset', token: null }],
  ['/invitation', { screen: 'invitation', token: null }],
  ['/email', { screen: 'email', token: null }],
  ['/undo-email', { screen: 'undo-email', token: null }],
  ['/sign-in/provider', { screen: 'provider', query: '' }],
  ['/sign-in', { screen: 'not-found' }],
  ['/sign-in/provider/more', { screen: 'not-found' }],
  ['/elsewhere', { screen: 'not-found' }],
])('%s', (path, route) => expect(parseRoute(path)).toEqual(route));

it('reads the addresses that it writes', () => {
  expect(parseRoute(paths.projects)).toEqual({ screen: 'projects' });
  expect(parseRoute(paths.register)).toEqual({ screen: 'register', token: null });
  expect(parseRoute(paths.forgot)).toEqual({ screen: 'forgot' });
  expect(parseRoute(paths.members('a/b'))).toEqual({ screen: 'members', project: 'a/b' });
  expect(parseRoute(paths.log('a/b'))).toEqual({ screen: 'log', project: 'a/b' });
  expect(parseRoute(paths.support)).toEqual({ screen: 'support' });
  expect(parseRoute(paths.account)).toEqual({ screen: 'account' });
  expect(parseRoute(paths.projectSupport('a/b'))).toEqual({
    screen: 'project-support',
    project: 'a/b',
  });
  expect(parseRoute(paths.device('a/b', 'c d'))).toEqual({
    screen: 'device',
    project: 'a/b',
    device: 'c d',
  });
});

it.each([
  ['/register', '#abc-_1', 'abc-_1'],
  ['/reset', '#abc', 'abc'],
  ['/invitation', '#abc', 'abc'],
  ['/reset', '', null],
  ['/reset', '#', null],
  ['/forgot', '#abc', null],
  ['/projects/P', '#content', null], // where the skip link leads to
])('the token in %s%s is %s', (path, hash, token) => {
  expect(tokenIn(path, hash)).toBe(token);
  const route = parseRoute(path, token);
  expect('token' in route ? route.token : null).toBe(token);
});

it('opens to everybody what leads to an account, and nothing else', () => {
  const open = ['/register', '/forgot', '/reset'];
  const closed = [
    '/',
    '/invitation',
    '/account',
    '/projects/P',
    '/projects/P/members',
    '/projects/P/log',
    '/elsewhere',
  ];
  for (const path of open) expect(isOpen(parseRoute(path))).toBe(true);
  for (const path of closed) expect(isOpen(parseRoute(path))).toBe(false);
});
