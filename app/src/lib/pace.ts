// The pace at which a slider sends: at most one value per interval, one request at
// a time (so that they cannot overtake each other), and the last value always.

export interface PaceOptions {
  /** At least this many milliseconds from one sending to the next. */
  intervalMs: number;
  /** Sends a value; its promise ends when the next one may go. It does not reject. */
  send: (value: number) => Promise<void>;
}

export class Pace {
  readonly #options: PaceOptions;
  #waiting: number | null = null;
  #sent: number | null = null;
  #busy = false;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(options: PaceOptions) {
    this.#options = options;
  }

  /** Asks for a value to be sent after delayMs, or as soon as the pace allows. It
   * replaces one that still waits. */
  push(value: number, delayMs = 0): void {
    this.#waiting = value;
    if (this.#busy) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (delayMs > 0) this.#timer = setTimeout(() => this.#go(), delayMs);
    else this.#go();
  }

  /** Nothing waits to be sent. */
  get idle(): boolean {
    return this.#waiting === null;
  }

  /** Begins anew: the same value as the last one is worth sending again. */
  reset(): void {
    this.#sent = null;
  }

  #go(): void {
    this.#timer = null;
    const value = this.#waiting;
    this.#waiting = null;
    if (value === null || value === this.#sent) return;
    this.#sent = value;
    this.#busy = true;
    const interval = new Promise((done) => setTimeout(done, this.#options.intervalMs));
    void Promise.all([this.#options.send(value), interval]).then(() => {
      this.#busy = false;
      this.#go();
    });
  }
}
