// Light or dark: the system's choice unless the person makes one. public/theme.js
// applies a stored choice before the first paint.

export type Theme = 'system' | 'light' | 'dark';

const key = 'sconce.theme';
const order: readonly Theme[] = ['system', 'light', 'dark'];

class ThemeChoice {
  #theme = $state<Theme>(read());

  get current(): Theme {
    return this.#theme;
  }

  get next(): Theme {
    return order[(order.indexOf(this.#theme) + 1) % order.length] ?? 'system';
  }

  change(): void {
    this.#theme = this.next;
    const root = document.documentElement;
    if (this.#theme === 'system') delete root.dataset.theme;
    else root.dataset.theme = this.#theme;
    try {
      if (this.#theme === 'system') localStorage.removeItem(key);
      else localStorage.setItem(key, this.#theme);
    } catch {
      // Storage may be forbidden; the choice then lasts until the page is closed.
    }
  }
}

function read(): Theme {
  try {
    const stored = localStorage.getItem(key);
    return stored === 'light' || stored === 'dark' ? stored : 'system';
  } catch {
    return 'system';
  }
}

export const theme = new ThemeChoice();
