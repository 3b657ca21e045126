// All devices of a project as one list, for those who look after many. The list is read when it
// is asked for, and what devices tell meanwhile is shown in it without moving a row.

import type { Api } from './api';
import { clock } from './clock.svelte';
import { Live, type LinkStatus } from './live';
import { mergeState } from './model';
import { connectMqtt } from './mqtt';
import { parseMessage, topicOf } from './topics';
import type { Device, Group, LightState, Project } from './types';

/** How often what devices tell is shown: thousands of them tell something all the time. */
const showEveryMs = 1_000;

export class AssetView {
  readonly id: string;
  readonly #api: Api;

  #project = $state.raw<Project | null>(null);
  #devices = $state.raw<Device[] | null>(null);
  #groups = $state.raw<Group[]>([]);
  #error = $state.raw<unknown>(null);
  #count = $state(0);
  #reading = $state(false);
  #readAt = $state(0);
  #link = $state<LinkStatus>('connecting');
  /** Counts the showings of what devices told. */
  #shown = $state(0);
  // Not reactive: thousands of messages change it, and it is shown once a second.
  // eslint-disable-next-line svelte/prefer-svelte-reactivity
  readonly #told = new Map<string, LightState>();
  #news = false;

  constructor(id: string, api: Api) {
    this.id = id;
    this.#api = api;
  }

  get project(): Project | null {
    return this.#project;
  }

  /** The devices as they were read; null before they were. */
  get devices(): Device[] | null {
    return this.#devices;
  }

  get groups(): Group[] {
    return this.#groups;
  }

  /** Why the list could not be read, or null. */
  get error(): unknown {
    return this.#error;
  }

  get reading(): boolean {
    return this.#reading;
  }

  /** How many devices have come while they are being read. */
  get count(): number {
    return this.#count;
  }

  /** When the list was read (ms UTC). */
  get readAt(): number {
    return this.#readAt;
  }

  get link(): LinkStatus {
    return this.#link;
  }

  /** The device with the newest that is known of it. */
  now(device: Device): Device {
    void this.#shown;
    const told = this.#told.get(device.eui64);
    return told ? { ...device, state: mergeState(device.state, told) } : device;
  }

  /** Reads the list and follows the devices, until the returned function is called. */
  open(): () => void {
    const live = new Live({
      topic: topicOf(this.id),
      token: () => this.#api.mqttToken(),
      connect: connectMqtt,
      onMessage: (topic, payload) => this.#receive(topic, payload),
      onStatus: (status) => (this.#link = status),
    });
    const timer = setInterval(() => {
      if (!this.#news) return;
      this.#news = false;
      this.#shown++;
    }, showEveryMs);
    void this.read();
    live.start();
    return () => {
      clearInterval(timer);
      live.stop();
    };
  }

  async read(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    this.#count = 0;
    try {
      const [project, groups, devices] = await Promise.all([
        this.#api.project(this.id),
        this.#api.groups(this.id),
        this.#api.devices(this.id, (count) => (this.#count = count)),
      ]);
      this.#project = project;
      this.#groups = groups;
      this.#devices = devices.filter(({ kind }) => kind !== 'gateway');
      this.#readAt = clock.now;
      this.#error = null;
    } catch (error) {
      this.#error = error;
    }
    this.#reading = false;
  }

  #receive(topic: string, payload: string): void {
    const message = parseMessage(topic, payload);
    if (message?.kind !== 'device') return;
    const { state } = message;
    this.#told.set(state.eui64, mergeState(this.#told.get(state.eui64) ?? null, state));
    this.#news = true;
  }
}
