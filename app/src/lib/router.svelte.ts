// The addresses of the app, and where the person is. The server answers every
// address that is not a file with index.html.

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

class Router {
  #route = $state.raw<Route>(parseRoute(location.pathname));

  get route(): Route {
    return this.#route;
  }

  /** Goes to an address of the app. Replacing leaves no trace in the history. */
  go(path: string, options: { replace?: boolean } = {}): void {
    if (options.replace) history.replaceState(null, '', path);
    else if (path !== location.pathname) history.pushState(null, '', path);
    this.#route = parseRoute(location.pathname);
  }

  /** Listens to the history and to clicks on links of the app, until the returned function is called. */
  start(): () => void {
    const moved = () => (this.#route = parseRoute(location.pathname));
    addEventListener('popstate', moved);
    document.addEventListener('click', this.#clicked);
    return () => {
      removeEventListener('popstate', moved);
      document.removeEventListener('click', this.#clicked);
    };
  }

  #clicked = (event: MouseEvent) => {
    const modified = event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
    if (event.defaultPrevented || event.button !== 0 || modified) return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (!link || link.origin !== location.origin || link.target || link.hash) return;
    event.preventDefault();
    this.go(link.pathname);
  };
}

export const router = new Router();
