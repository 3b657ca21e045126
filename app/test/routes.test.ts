import { expect, it } from 'vitest';
import { parseRoute, paths } from '../src/lib/routes';

it.each([
  ['/', { screen: 'projects' }],
  ['/projects/', { screen: 'projects' }],
  ['/projects/P', { screen: 'project', project: 'P', device: null }],
  ['/projects/P/devices/00ff', { screen: 'project', project: 'P', device: '00ff' }],
  ['/projects/a%2Fb', { screen: 'project', project: 'a/b', device: null }],
  ['/projects/P/devices', { screen: 'not-found' }],
  ['/projects/P/devices/00ff/more', { screen: 'not-found' }],
  ['/projects/%', { screen: 'not-found' }],
  ['/elsewhere', { screen: 'not-found' }],
])('%s', (path, route) => expect(parseRoute(path)).toEqual(route));

it('reads the addresses that it writes', () => {
  expect(parseRoute(paths.projects)).toEqual({ screen: 'projects' });
  expect(parseRoute(paths.device('a/b', 'c d'))).toEqual({
    screen: 'project',
    project: 'a/b',
    device: 'c d',
  });
});
