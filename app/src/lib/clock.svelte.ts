// The present, in the server's time, as a value that screens can depend on. It
// ticks once a second while the page is visible.

class Clock {
  #now = $state(Date.now());
  #offsetMs = 0;

  /** Milliseconds UTC by the server's clock, at most a second old. */
  get now(): number {
    return this.#now;
  }

  /**
   * Takes the server's time from an answer. Its Date header has whole seconds, so
   * that a difference below two seconds says nothing.
   */
  adjust(serverMs: number): void {
    const offset = serverMs + 500 - Date.now();
    this.#offsetMs = Math.abs(offset) < 2000 ? 0 : offset;
  }

  /** Ticks until the returned function is called. */
  start(): () => void {
    const tick = () => {
      if (document.visibilityState === 'visible') this.#now = Date.now() + this.#offsetMs;
    };
    const timer = setInterval(tick, 1000);
    document.addEventListener('visibilitychange', tick);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', tick);
    };
  }
}

export const clock = new Clock();
