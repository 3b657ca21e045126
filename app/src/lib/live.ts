// Keeps a live link to the server: gets a token, connects, reports when it is up,
// and begins again with a growing pause when it breaks. It knows no MQTT: the
// connection is made by the function it is given (mqtt.ts in the app).

import type { MqttToken } from './types';

/** "interrupted" is said only after the link was tried and broke. */
export type LinkStatus = 'connecting' | 'live' | 'interrupted';

export interface LinkEvents {
  message: (topic: string, payload: string) => void;
  /** The connection ended; called at most once. */
  down: () => void;
}

/** Connects and subscribes; resolves with what ends the connection when both are done. */
export type Connect = (token: MqttToken, topic: string, events: LinkEvents) => Promise<() => void>;

export interface LiveOptions {
  topic: string;
  token: () => Promise<MqttToken>;
  connect: Connect;
  onMessage: (topic: string, payload: string) => void;
  onStatus: (status: LinkStatus) => void;
  /** 0 to 1; spreads the reconnections of many screens after a restart of the server. */
  random?: () => number;
}

const firstPauseMs = 1_000;
const longestPauseMs = 30_000;
/** A link that lasted this long was a good one: the next pause is short again. */
const provenAfterMs = 10_000;

export class Live {
  readonly #options: LiveOptions;
  #stopped = false;
  #end: (() => void) | null = null;
  #wake: (() => void) | null = null;

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  /** Connects, and goes on until [stop] is called. */
  start(): void {
    void this.#run();
  }

  stop(): void {
    this.#stopped = true;
    this.#end?.();
    this.#wake?.();
  }

  /** Tries at once if it waits to reconnect: the device came back online, or the page into view. */
  hurry(): void {
    this.#wake?.();
  }

  async #run(): Promise<void> {
    let failures = 0;
    this.#options.onStatus('connecting');
    while (!this.#stopped) {
      const lasted = await this.#once();
      if (this.#stopped) return;
      this.#options.onStatus('interrupted');
      failures = lasted >= provenAfterMs ? 1 : failures + 1;
      const pause = Math.min(firstPauseMs * 2 ** (failures - 1), longestPauseMs);
      await this.#pause(pause * (0.5 + 0.5 * (this.#options.random ?? Math.random)()));
    }
  }

  /** One connection from beginning to end. Returns how long it was up, in milliseconds. */
  async #once(): Promise<number> {
    let up = 0;
    try {
      const token = await this.#options.token();
      if (this.#stopped) return 0;
      let broken = () => {};
      const ended = new Promise<void>((resolve) => (broken = resolve));
      const end = await this.#options.connect(token, this.#options.topic, {
        message: (topic, payload) => {
          if (!this.#stopped) this.#options.onMessage(topic, payload);
        },
        down: () => broken(),
      });
      this.#end = end;
      if (this.#stopped) {
        end();
        return 0;
      }
      up = Date.now();
      this.#options.onStatus('live');
      await ended;
    } catch (error) {
      // The status tells the person that there is no link; the reason is for those who look for it.
      console.warn('live link:', error);
    }
    this.#end = null;
    return up === 0 ? 0 : Date.now() - up;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake?.(), ms);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
    });
  }
}
