// One project as the screen sees it: the snapshot, kept up to date by live
// messages, and the commands that were given from this screen.

import { SvelteMap } from 'svelte/reactivity';
import type { Api } from './api';
import { clock } from './clock.svelte';
import * as commands from './commands';
import { explain } from './errors';
import { Live, type LinkStatus } from './live';
import {
  absent,
  applyConfirmed,
  applyPresence,
  applyState,
  mergeDevice,
  mergeNetworks,
} from './model';
import { connectMqtt } from './mqtt';
import { strings } from './strings';
import { parseMessage, topicOf } from './topics';
import type { Change, Command, Device, Group, Project, Target } from './types';

/** The time that a light takes to reach what a switch or a slider asks, in milliseconds. */
const fadeMs = { on: 400, level: 250 };

/** Live news of a command normally comes at once; after this time it is asked for. */
const askAfterMs = 2_500;
const askWaitMs = 5_000;
/** After this time without a result the screen stops to wait for it. */
const giveUpAfterMs = 60_000;

/**
 * How often the snapshot is read again: while lights join, while there is no live
 * link, and else, for what no live message tells (names, new devices and groups).
 */
const joiningPollMs = 4_000;
const fallbackPollMs = 12_000;
const usualPollMs = 60_000;
const pollTickMs = 1_000;

export class ProjectView {
  readonly id: string;
  readonly #api: Api;

  #project = $state.raw<Project | null>(null);
  #roster = $state.raw<Device[]>([]);
  #groups = $state.raw<Group[]>([]);
  #tracks = $state.raw<commands.Tracks>(commands.noTracks);
  #link = $state<LinkStatus>('connecting');
  #error = $state.raw<unknown>(null);
  #confirmedAt = $state<number | null>(null);
  readonly #devices = new SvelteMap<string, Device>();

  #live: Live | null = null;
  #timer: ReturnType<typeof setInterval> | null = null;
  #refreshing: Promise<void> | null = null;
  #refreshAgain = false;
  /** When the last reading of the snapshot ended, well or not. */
  #refreshedAt = 0;
  #serial = 0;
  #closed = false;

  constructor(id: string, api: Api) {
    this.id = id;
    this.#api = api;
  }

  get project(): Project | null {
    return this.#project;
  }

  /** The devices of the last snapshot: who there is and where. Their state may be old. */
  get roster(): Device[] {
    return this.#roster;
  }

  get groups(): Group[] {
    return this.#groups;
  }

  get tracks(): commands.Tracks {
    return this.#tracks;
  }

  get link(): LinkStatus {
    return this.#link;
  }

  /** Why the last snapshot could not be read, or null. */
  get error(): unknown {
    return this.#error;
  }

  /** When the server last confirmed that what is shown is up to date (ms UTC). */
  get confirmedAt(): number | null {
    return this.#confirmedAt;
  }

  /** The device with its latest state. */
  device(eui64: string): Device | undefined {
    return this.#devices.get(eui64);
  }

  /** Reads the snapshot and opens the live link, until the returned function is called. */
  open(): () => void {
    this.#live = new Live({
      topic: topicOf(this.id),
      token: () => this.#api.mqttToken(),
      connect: connectMqtt,
      onMessage: (topic, payload) => this.#receive(topic, payload),
      onStatus: (status) => this.#linkChanged(status),
    });
    const hurry = () => {
      if (document.visibilityState === 'visible') this.#live?.hurry();
    };
    void this.refresh();
    this.#live.start();
    this.#timer = setInterval(() => this.#poll(), pollTickMs);
    addEventListener('online', hurry);
    document.addEventListener('visibilitychange', hurry);
    return () => {
      this.#closed = true;
      this.#live?.stop();
      if (this.#timer !== null) clearInterval(this.#timer);
      removeEventListener('online', hurry);
      document.removeEventListener('visibilitychange', hurry);
    };
  }

  /** Reads the snapshot. A call during a reading causes one more reading after it. */
  refresh(): Promise<void> {
    if (this.#refreshing) {
      this.#refreshAgain = true;
      return this.#refreshing;
    }
    this.#refreshing = this.#readSnapshots().finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  /** Asks a light or a group for a change. Ends when the server has taken or refused it. */
  async ask(target: Target, change: Change): Promise<void> {
    const serial = ++this.#serial;
    const lights =
      'device' in target
        ? [target.device]
        : (this.#groups.find((group) => group.id === target.group)?.devices ?? []);
    this.#tracks = commands.begin(this.#tracks, { serial, target, change, lights });
    try {
      const fade_ms = 'on' in change ? fadeMs.on : fadeMs.level;
      const command = await this.#api.command(this.id, { ...target, ...change, fade_ms });
      this.#tracks = commands.accept(this.#tracks, serial, command, clock.now);
      this.#followed(command);
      void this.#awaitResult(serial, command.id);
    } catch (error) {
      this.#tracks = commands.reject(this.#tracks, serial, explain(error), clock.now);
    }
  }

  /** Asks again for what a track asked for. */
  retry(track: commands.Track): Promise<void> {
    return this.ask(track.target, track.change);
  }

  /** Takes the result of a track off the screen. */
  dismiss(track: commands.Track): void {
    this.#tracks = commands.forget(this.#tracks, track.serial);
  }

  async #readSnapshots(): Promise<void> {
    do {
      this.#refreshAgain = false;
      try {
        const [project, devices, groups] = await Promise.all([
          this.#api.project(this.id),
          this.#api.devices(this.id),
          this.#api.groups(this.id),
        ]);
        if (this.#closed) return;
        this.#take(project, devices, groups);
        this.#error = null;
      } catch (error) {
        if (this.#closed) return;
        this.#error = error;
      }
      this.#refreshedAt = Date.now();
    } while (this.#refreshAgain);
  }

  #take(project: Project, devices: Device[], groups: Group[]): void {
    const known = this.#project?.networks ?? [];
    this.#project = { ...project, networks: mergeNetworks(known, project.networks) };
    for (const eui64 of absent(this.#devices.keys(), devices)) this.#devices.delete(eui64);
    for (const device of devices) {
      this.#devices.set(device.eui64, mergeDevice(this.#devices.get(device.eui64), device));
    }
    this.#roster = devices;
    this.#groups = groups;
    this.#confirmedAt = clock.now;
  }

  #linkChanged(status: LinkStatus): void {
    if (this.#link === 'live') this.#confirmedAt = clock.now;
    this.#link = status;
    // What happened while there was no link is in the snapshot; what happens during
    // its reading comes by the link.
    if (status === 'live') void this.refresh();
  }

  #receive(topic: string, payload: string): void {
    const message = parseMessage(topic, payload);
    switch (message?.kind) {
      case 'device': {
        const device = this.#devices.get(message.state.eui64);
        if (device) this.#devices.set(device.eui64, applyState(device, message.state));
        if (!device || device.stage !== 'configured') void this.refresh();
        break;
      }
      case 'gateway':
        if (this.#project) {
          const networks = applyPresence(this.#project.networks, message.presence);
          this.#project = { ...this.#project, networks };
        }
        if (message.presence.online) this.#tracks = commands.forgetRejected(this.#tracks);
        break;
      case 'command':
        this.#tracks = commands.update(this.#tracks, message.command, clock.now);
        this.#followed(message.command);
        break;
    }
  }

  /** Shows what lights confirmed to a command of this screen that nothing newer replaced. */
  #followed(command: Command): void {
    for (const track of this.#tracks.byTarget.values()) {
      if (track.id !== command.id) continue;
      for (const [eui64, outcome] of track.outcomes) {
        const device = this.#devices.get(eui64);
        const latest = commands.latestFor(this.#tracks, eui64);
        if (!device || outcome !== 'confirmed' || latest?.serial !== track.serial) continue;
        this.#devices.set(eui64, applyConfirmed(device, track.change, command.ended_at));
      }
    }
  }

  /** Asks for the result of a command when the live link does not bring it. */
  async #awaitResult(serial: number, id: string): Promise<void> {
    const deadline = Date.now() + giveUpAfterMs;
    await pause(askAfterMs);
    while (this.#awaits(serial)) {
      try {
        const command = await this.#api.commandResult(this.id, id, askWaitMs);
        this.#tracks = commands.update(this.#tracks, command, clock.now);
        this.#followed(command);
      } catch {
        await pause(askWaitMs);
      }
      if (Date.now() > deadline && this.#awaits(serial)) {
        const text = strings.command.noResult;
        this.#tracks = commands.reject(this.#tracks, serial, text, clock.now);
      }
    }
  }

  #awaits(serial: number): boolean {
    if (this.#closed) return false;
    for (const track of this.#tracks.byTarget.values()) {
      if (track.serial === serial) return commands.isRunning(track);
    }
    return false;
  }

  #poll(): void {
    if (document.visibilityState !== 'visible') return;
    const joining = this.#roster.some(({ stage }) => stage === 'waiting' || stage === 'joined');
    const alone = this.#link !== 'live' || this.#error !== null;
    const everyMs = joining ? joiningPollMs : alone ? fallbackPollMs : usualPollMs;
    if (Date.now() - this.#refreshedAt >= everyMs) void this.refresh();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
