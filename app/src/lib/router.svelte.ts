// Where the person is: the history of the browser as a value that screens depend on.

import { parseRoute, tokenIn, type Route } from './routes';

class Router {
  #route = $state.raw<Route>(arrive());

  get route(): Route {
    return this.#route;
  }

  /** Goes to an address of the app. Replacing leaves no trace in the history. */
  go(path: string, options: { replace?: boolean } = {}): void {
    const from = location.pathname;
    if (options.replace) history.replaceState(null, '', path);
    else if (path !== from) history.pushState({ from }, '', path);
    this.#route = parseRoute(location.pathname);
  }

  /** Goes from a panel to the page under it: back, if the person came from there. */
  leaveFor(path: string): void {
    const state = history.state as { from?: string } | null;
    if (state?.from === path) history.back();
    else this.go(path, { replace: true });
  }

  /** Listens to the history and to clicks on links of the app, until the returned function is called. */
  start(): () => void {
    const moved = () => (this.#route = arrive());
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

/**
 * Reads the address that the browser is at. The token of a link, and the answer of a
 * provider, leave the address at once, so that they stay neither in the history nor in what somebody copies or photographs.
 */
function arrive(): Route {
  const token = tokenIn(location.pathname, location.hash);
  const route = parseRoute(location.pathname, token, location.search);
  if (token || route.screen === 'provider') history.replaceState(null, '', location.pathname);
  return route;
}

export const router = new Router();
