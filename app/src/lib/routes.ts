// The addresses of the app. The server answers every address that is not a file
// with index.html. Pure.

export type Route =
  | { screen: 'projects' }
  | { screen: 'project'; project: string; device: string | null }
  | { screen: 'not-found' };

/** Reads the path of an address. */
export function parseRoute(path: string): Route {
  const parts = path.split('/').filter(Boolean);
  if (parts.length === 0 || (parts.length === 1 && parts[0] === 'projects')) {
    return { screen: 'projects' };
  }
  const [head, project, sub, device] = parts.map(decode);
  if (head === 'projects' && project && !parts[4]) {
    if (sub === undefined) return { screen: 'project', project, device: null };
    if (sub === 'devices' && device) return { screen: 'project', project, device };
  }
  return { screen: 'not-found' };
}

export const paths = {
  projects: '/projects',
  project: (project: string) => `/projects/${encodeURIComponent(project)}`,
  device: (project: string, eui64: string) =>
    `/projects/${encodeURIComponent(project)}/devices/${encodeURIComponent(eui64)}`,
};

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}
