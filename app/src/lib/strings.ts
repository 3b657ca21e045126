// Every sentence that the app says, in one place. Sentences say what happened and
// what to do, in the words of the people who work with lights.

import type { Cause, OutcomeStatus, Role, Stage } from './types';

/** The language of the sentences below, and so of numbers and dates among them. */
export const locale = 'en-GB';

const nbsp = '\u00a0';

function count(n: number, one: string, many: string): string {
  return `${n}${nbsp}${n === 1 ? one : many}`;
}

const lights = (n: number) => count(n, 'light', 'lights');

export const strings = {
  product: 'Sconce',
  title: (page: string) => `${page} · Sconce`,
  skipToContent: 'Skip to content',
  loading: 'Loading…',
  tryAgain: 'Try again',
  dismiss: 'Dismiss',
  close: 'Close',
  others: (n: number) => count(n, 'other', 'others'),
  role: {
    owner: 'Owner',
    expert: 'Expert',
    user: 'User',
    viewer: 'Viewer',
  } satisfies Record<Role, string>,

  time: {
    justNow: 'just now',
    secondsAgo: (n: number) => `${n}${nbsp}s ago`,
    minutesAgo: (n: number) => `${n}${nbsp}min ago`,
    hoursAgo: (n: number) => `${n}${nbsp}h ago`,
    daysAgo: (n: number) => `${count(n, 'day', 'days')} ago`,
  },

  errors: {
    unreachable: 'The server does not answer. Check your connection, then try again.',
    notUnderstood: 'The server gave an answer that this page does not understand. Reload the page.',
    internal: 'Something went wrong on the server. Try again in a moment.',
    tooMany: 'Too many requests. Wait a moment, then try again.',
    forbidden: 'Your role in this project does not allow this.',
  },

  signIn: {
    page: 'Sign in',
    heading: 'Sign in to Sconce',
    email: 'Email',
    password: 'Password',
    show: 'Show password',
    hide: 'Hide password',
    submit: 'Sign in',
    submitting: 'Signing in…',
    emailMissing: 'Enter your email address.',
    emailWrong: 'Enter an email address such as name@example.org.',
    passwordMissing: 'Enter your password.',
    refused: 'Email or password is not right. Check both and try again.',
    ended: 'Your session has ended. Sign in to go on where you were.',
    signedOut: 'You are signed out.',
  },

  bar: {
    label: 'Main',
    home: 'Sconce: all projects',
    signOut: 'Sign out',
    theme: { system: 'System theme', light: 'Light theme', dark: 'Dark theme' },
    changeTheme: (now: string, next: string) => `${now}. Change to ${next.toLowerCase()}.`,
  },

  projects: {
    page: 'Projects',
    heading: 'Projects',
    empty: 'No projects yet',
    emptyHint: 'Ask the owner of a project to give you a role in it.',
  },

  live: {
    live: 'Live',
    connecting: 'Connecting',
    interrupted: 'Reconnecting',
    interruptedTitle: 'Live updates are interrupted',
    interruptedText: (since: string) =>
      `Reconnecting by itself. This screen shows the state confirmed by ${since}.`,
    hint: {
      live: 'Changes appear here the moment that lights confirm them.',
      connecting: 'Connecting for live updates.',
      interrupted: 'Live updates are interrupted; trying to reconnect.',
    },
  },

  gateway: {
    none: 'No gateway',
    noneTitle: 'This network has no gateway yet',
    noneText: 'Its lights follow their switches. Add a gateway to see and control them here.',
    online: 'Gateway online',
    offline: 'Gateway offline',
    since: (time: string) => `since ${time}`,
    offlineTitle: (network: string, several: boolean, since: string | null) =>
      `The gateway${several ? ` of ${network}` : ''} is offline${since ? ` since ${since}` : ''}`,
    offlineText:
      'The lights still follow their switches; this screen shows the last confirmed state. ' +
      'Check that the gateway has power and a network connection. It comes back by itself.',
  },

  network: {
    label: 'Networks',
    channel: (n: number) => `Channel ${n}`,
    pan: (id: string) => `PAN ${id}`,
  },

  totals: {
    label: 'Totals',
    lightsOn: 'Lights on',
    of: (n: number) => `of ${n}`,
    power: 'Power now',
    powerOf: (n: number, of: number) => `from ${n} of ${lights(of)}`,
    powerUnknown: 'no light reports power',
    answering: 'Answering',
    lastConfirmed: 'last confirmed',
    unknownOffline: 'gateway offline',
    silent: (n: number) => `${lights(n)} not heard lately`,
  },

  setup: {
    title: 'Setting up lights',
    progress: (ready: number, of: number) => `${ready} of ${of} ready`,
    attention: (n: number) => `${n} ${n === 1 ? 'needs' : 'need'} attention`,
    stage: {
      waiting: 'Waiting to join',
      joined: 'Joined, being set up',
      configured: 'Ready',
      failed: 'Setting up did not work',
    } satisfies Record<Stage, string>,
    hint: {
      waiting: 'Switch it on within reach of the network.',
      joined: 'This takes a few seconds.',
      configured: '',
      failed: 'Switch it off and on again to retry.',
    } satisfies Record<Stage, string>,
  },

  group: {
    none: 'Not in a group',
    noneHint: 'These lights are controlled one by one.',
    onOf: (on: number, of: number) =>
      on === 0
        ? `${lights(of)}, all off`
        : on === of
          ? `${lights(of)}, all on`
          : `${on} of ${of} on`,
    empty: 'No lights in this group yet.',
    alsoControls: (list: string) => `Also controls ${list}, listed in another group.`,
    switchLabel: (name: string) => `${name}, all lights`,
    levelLabel: (name: string) => `Level of ${name}, all lights`,
    range: (low: string, high: string) => `${low} to ${high}`,
  },

  light: {
    off: 'Off',
    on: 'On',
    unknown: 'Unknown',
    switchLabel: (name: string) => name,
    levelLabel: (name: string) => `Level of ${name}`,
    details: (name: string) => `${name}, details`,
    heard: (time: string) => `heard ${time}`,
    heardExact: (time: string) => `Last heard ${time}`,
    neverHeard: 'not heard yet',
    unreachable: 'No answer',
    stale: 'Not heard lately',
    noPower: 'power not reported',
    /** Said of a change that is asked and not confirmed yet. */
    requested: (from: string, to: string) => `${from}, ${to} requested`,
  },

  command: {
    sending: (of: number) => `Waiting for ${lights(of)} to confirm`,
    confirmed: (of: number) => (of === 1 ? 'Confirmed' : `All ${lights(of)} confirmed`),
    partial: (confirmed: number, of: number, missing: string) =>
      `${confirmed} of ${lights(of)} confirmed – ${missing} did not answer.`,
    none: (of: number) =>
      of === 1 ? 'The light did not confirm.' : `None of the ${lights(of)} confirmed.`,
    expired: 'The command came too late and was not carried out.',
    noResult: 'No result came. The lights may have changed all the same.',
    miss: {
      unconfirmed: 'Did not confirm',
      refused: 'Refused the change',
      not_joined: 'Is not on the network',
      expired: 'The command came too late',
    } satisfies Record<Exclude<OutcomeStatus, 'confirmed'>, string>,
    missed: (what: string, change: string) => `${what}: ${change}`,
    readOnly: 'You may look at this project, not change it.',
  },

  detail: {
    facts: 'Device',
    address: 'Address (EUI-64)',
    model: 'Model',
    serial: 'Serial number',
    network: 'Network',
    groups: 'Groups',
    noGroups: 'None',
    state: 'State',
    output: 'Output',
    power: 'Power',
    lastHeard: 'Last heard',
    lastCause: 'Last change',
    stage: 'Commissioning',
    unknown: 'Not known',
    cause: {
      unknown: 'Cause not known',
      command: 'By command',
      power_up: 'At power-up',
    } satisfies Record<Cause, string>,
    gone: 'This device is not in the project.',
    powerHour: 'Power, last hour',
    chart: (low: string, high: string, latest: string) =>
      `Between ${low} and ${high}, now ${latest}.`,
    noReadings: 'No power readings in the last hour.',
  },

  notFound: {
    page: 'Not found',
    heading: 'Nothing here',
    text: 'This address leads nowhere, or you have no role in the project it belongs to.',
    back: 'All projects',
  },

  failure: {
    heading: 'This page could not be loaded',
  },
} as const;
