// The addresses of the app. The server answers every address that is not a file
// with index.html. Pure.

export type Route =
  | { screen: 'projects' }
  | { screen: 'project'; project: string; device: string | null }
  | { screen: 'devices'; project: string }
  | { screen: 'device'; project: string; device: string }
  | { screen: 'energy' | 'energy-settings' | 'occupancy'; project: string }
  | { screen: 'members'; project: string }
  | { screen: 'log'; project: string }
  | { screen: 'alerts' | 'alert-settings'; project: string }
  | { screen: 'data'; project: string }
  | { screen: 'project-support'; project: string }
  | { screen: 'apps'; project: string }
  | { screen: 'authorize'; query: string }
  | { screen: 'support' }
  | { screen: 'account' }
  | { screen: 'register'; token: string | null }
  | { screen: 'forgot' }
  | { screen: 'reset'; token: string | null }
  | { screen: 'email'; token: string | null }
  | { screen: 'undo-email'; token: string | null }
  | { screen: 'invitation'; token: string | null }
  | { screen: 'provider'; query: string }
  | { screen: 'not-found' };

/**
 * Reads an address: its path and, of a link in a letter, the token behind the #. There
 * it reaches no server and no log. The query is what an OpenID provider sends a browser back with,
 * and what an app of somebody else sends it here with.
 */
export function parseRoute(path: string, token: string | null = null, query = ''): Route {
  const parts = path.split('/').filter(Boolean);
  if (parts.length === 0) return { screen: 'projects' };
  if (parts.length === 1) {
    switch (parts[0]) {
      case 'projects':
      case 'support':
      case 'account':
      case 'forgot':
        return { screen: parts[0] };
      case 'register':
      case 'reset':
      case 'email':
      case 'undo-email':
      case 'invitation':
        return { screen: parts[0], token };
    }
  }
  if (parts.length === 2 && parts[0] === 'sign-in' && parts[1] === 'provider') {
    return { screen: 'provider', query };
  }
  if (path === paths.authorize) return { screen: 'authorize', query };
  const [head, project, sub, device] = parts.map(decode);
  if (head === 'projects' && project && !parts[4]) {
    if (sub === undefined) return { screen: 'project', project, device: null };
    if (sub === 'lights' && device) return { screen: 'project', project, device };
    if (sub === 'devices' && device) return { screen: 'device', project, device };
    if (
      (sub === 'devices' ||
        sub === 'members' ||
        sub === 'log' ||
        sub === 'alerts' ||
        sub === 'data' ||
        sub === 'apps') &&
      device === undefined
    ) {
      return { screen: sub, project };
    }
    if ((sub === 'energy' || sub === 'occupancy') && device === undefined) {
      return { screen: sub, project };
    }
    if (sub === 'alerts' && device === 'settings') return { screen: 'alert-settings', project };
    if (sub === 'energy' && device === 'settings') return { screen: 'energy-settings', project };
    if (sub === 'support' && device === undefined) return { screen: 'project-support', project };
  }
  return { screen: 'not-found' };
}

/** Reports whether a screen is for everybody, signed in or not. */
export function isOpen(route: Route): boolean {
  return ['register', 'forgot', 'reset', 'provider', 'email', 'undo-email'].includes(route.screen);
}

/** Returns the token of a link from the part of the address that begins with #, or null. */
export function tokenIn(path: string, hash: string): string | null {
  const route = parseRoute(path, hash.slice(1) || null);
  return 'token' in route ? route.token : null;
}

const inProject = (project: string, rest = '') => `/projects/${encodeURIComponent(project)}${rest}`;

export const paths = {
  projects: '/projects',
  register: '/register',
  forgot: '/forgot',
  account: '/account',
  project: (project: string) => inProject(project),
  energy: (project: string) => inProject(project, '/energy'),
  energySettings: (project: string) => inProject(project, '/energy/settings'),
  occupancy: (project: string) => inProject(project, '/occupancy'),
  devices: (project: string) => inProject(project, '/devices'),
  members: (project: string) => inProject(project, '/members'),
  log: (project: string) => inProject(project, '/log'),
  alerts: (project: string) => inProject(project, '/alerts'),
  alertSettings: (project: string) => inProject(project, '/alerts/settings'),
  data: (project: string) => inProject(project, '/data'),
  projectSupport: (project: string) => inProject(project, '/support'),
  apps: (project: string) => inProject(project, '/apps'),
  /** Where apps of others send a browser; what they ask for is in the query. */
  authorize: '/oauth/authorize',
  support: '/support',
  device: (project: string, eui64: string) =>
    inProject(project, `/devices/${encodeURIComponent(eui64)}`),
  /** The panel beside the lights. */
  light: (project: string, eui64: string) =>
    inProject(project, `/lights/${encodeURIComponent(eui64)}`),
};

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}
