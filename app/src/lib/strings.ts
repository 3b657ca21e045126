// Every sentence that the app says, in one place. Sentences say what happened and
// what to do, in the words of the people who work with lights.

import type {
  Cause,
  OutcomeStatus,
  Proof,
  Role,
  Stage,
  SupportAccess,
  SupportState,
} from './types';

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
  cancel: 'Cancel',
  dismiss: 'Dismiss',
  close: 'Close',
  others: (n: number) => count(n, 'other', 'others'),
  role: {
    owner: 'Owner',
    expert: 'Expert',
    user: 'User',
    viewer: 'Viewer',
  } satisfies Record<Role, string>,
  roleMeans: {
    owner: 'May do everything, and decides who belongs to the project.',
    expert: 'Controls every light, and sets up devices, groups and networks.',
    user: 'Controls the lights of the groups that were granted, and nothing else.',
    viewer: 'Sees lights and readings, and changes nothing.',
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
    register: 'Make an account',
    forgot: 'Forgot your password?',
  },

  secondStep: {
    page: 'Second step',
    heading: 'One more step',
    intro: 'Type the code that your authenticator app shows, or one of your recovery codes.',
    code: 'Code',
    codeMissing: 'Type the code.',
    submit: 'Sign in',
    submitting: 'Signing in…',
    again: 'Sign in from the beginning',
  },

  inbox: {
    heading: 'Look into your inbox',
    nothing:
      'Nothing there after a few minutes? Look among the unwanted mail, and check the address.',
    again: 'Use another address',
    back: 'Back to sign in',
  },

  register: {
    page: 'Make an account',
    heading: 'Make an account',
    intro: 'You choose a password once your email address is confirmed.',
    name: 'Name',
    country: 'Country',
    countryNone: 'Choose a country',
    submit: 'Send me a link',
    submitting: 'Sending…',
    nameMissing: 'Enter your name, so that others in a project know who you are.',
    countryMissing: 'Choose the country that you live or work in.',
    /** The same whether or not the address has an account. */
    sent: (email: string) =>
      `A letter to ${email} is on its way. Its link is the next step, and is good for a day.`,
    signIn: 'I have an account',
  },

  invitation: {
    page: 'Invitation',
    heading: 'You are invited',
    as: (email: string) =>
      `You are signed in as ${email}. The invitation is for this address only.`,
    accept: 'Accept the invitation',
    accepting: 'Accepting…',
    other: 'Sign in with another address',
    signIn:
      'Sign in with the address that the invitation was sent to. Without an account, make one first, and then open the link of the invitation again.',
    openAgain: 'Open the link of the invitation in its letter.',
    askAgain: 'Ask who invited you for another invitation.',
  },

  forgot: {
    page: 'New password',
    heading: 'Forgot your password?',
    intro: 'We send you a link with which you choose a new one.',
    submit: 'Send me a link',
    submitting: 'Sending…',
    /** The same whether or not the address has an account. */
    sent: (email: string) =>
      `If ${email} has an account here, a letter to it is on its way. Its link leads to a new password, and is good for an hour.`,
  },

  password: {
    choose: 'Choose a password',
    chooseNew: 'Choose a new password',
    label: 'New password',
    hint: (least: number) => `At least ${least} characters. A sentence is a good one.`,
    short: (least: number, has: number) =>
      `This has ${count(has, 'character', 'characters')}; use at least ${least}. A sentence is a good one.`,
    make: 'Make the account',
    making: 'Making the account…',
    change: 'Change the password',
    changing: 'Changing the password…',
    linkEnded: 'This link is not good any more',
    another: 'Ask for another letter',
    changed: 'Your password is changed',
    changedText:
      'Every device that was signed in with the old one is signed out. Sign in with the new one.',
  },

  bar: {
    label: 'Main',
    home: 'Sconce: all projects',
    account: 'Your account',
    signOut: 'Sign out',
    theme: { system: 'System theme', light: 'Light theme', dark: 'Dark theme' },
    changeTheme: (now: string, next: string) => `${now}. Change to ${next.toLowerCase()}.`,
  },

  account: {
    page: 'Your account',
    heading: 'Your account',
    working: 'One moment…',
    profile: {
      heading: 'Profile',
      name: 'Name',
      email: 'Email',
      country: 'Country',
      unknown: 'Not given',
    },
    /** Asked before something is changed that lets somebody in. */
    prove: {
      password: 'Your password',
      missing: 'Enter your password.',
    },
    password: {
      heading: 'Password',
      intro: 'Every other device is signed out when you change it.',
      change: 'Change the password',
      title: 'Change your password',
      old: 'Password of now',
      done: 'Your password is changed. Every other device is signed out.',
      none: 'Your account has no password.',
    },
    step: {
      heading: 'Second step',
      off: 'Off. Your password alone lets somebody in.',
      on: (since: string) =>
        `On since ${since}. With your password, a code of your app is asked for.`,
      codes: (n: number) => `${count(n, 'recovery code', 'recovery codes')} left`,
      codesFew: 'Make new ones before they run out.',
      setUp: 'Set up an authenticator app',
      setUpText: 'You need an app that shows codes, on your phone or in your password manager.',
      scan: 'Scan this with your authenticator app',
      orType: 'Or type this key into it:',
      code: 'Code that the app shows',
      codeMissing: 'Type the code that the app shows.',
      confirm: 'Turn it on',
      turnedOn: 'The second step is on.',
      recovery: 'Your recovery codes',
      recoveryText:
        'Each lets you in once when your app is out of reach. Keep them where you keep valuables; nobody can show them again.',
      copy: 'Copy them',
      copied: 'Copied.',
      kept: 'I have kept them',
      renew: 'New recovery codes',
      renewText: 'The codes that you have now become void.',
      remove: 'Turn it off',
      removeText: 'Your password alone will let somebody in.',
      removed: 'The second step is off.',
    },
    sessions: {
      heading: 'Where you are signed in',
      current: 'This device',
      used: (time: string) => `used ${time}`,
      since: (time: string) => `signed in ${time}`,
      from: (network: string) => `from ${network}`,
      end: 'Sign out',
      endOf: (device: string) => `Sign out ${device}`,
      ended: (device: string) => `${device} is signed out.`,
      endOthers: 'Sign out everywhere else',
      endOthersText: 'Every device but this one has to sign in again.',
      endedOthers: 'Every other device is signed out.',
      alone: 'Nowhere else.',
    },
    history: {
      heading: 'Sign-ins of the last 90 days',
      intro: 'Something here that was not you? Change your password.',
      none: 'None.',
      more: 'Show all',
      refused: 'Refused',
      proof: {
        password: 'Password',
        code: 'Password and code',
        'recovery-code': 'Password and recovery code',
        '': 'Not known',
      } satisfies Record<Proof, string>,
      wrong: {
        password: 'Wrong password',
        code: 'Right password, wrong code',
        'recovery-code': 'Right password, wrong recovery code',
        '': 'Not known',
      } satisfies Record<Proof, string>,
    },
  },

  projects: {
    page: 'Projects',
    heading: 'Projects',
    empty: 'No projects yet',
    emptyHint: 'Ask the owner of a project to give you a role in it.',
  },

  project: {
    label: 'Project',
    lights: 'Lights',
    members: 'Members',
    membership: 'Membership',
    log: 'Security log',
    support: 'Support',
    asSupport: (until: string) =>
      `You see this project as support until ${until}. What you do here is in its security log.`,
  },

  members: {
    page: (project: string) => `Members of ${project}`,
    heading: 'Members',
    intro: 'Who belongs to this project, and what each of them may do.',
    you: 'You',
    nameless: 'Account that is gone',
    role: 'Role',
    roleOf: (name: string) => `Role of ${name}`,
    groupsOf: (name: string) => `Groups that ${name} controls`,
    noGroups: 'This project has no groups yet.',
    noneGranted: 'Without a group, they control no light.',
    save: 'Save',
    saving: 'Saving…',
    saved: (name: string, role: string) => `Saved: ${name} is ${role.toLowerCase()}.`,
    remove: 'Remove',
    removeOf: (name: string) => `Remove ${name}`,
    removed: (name: string) => `${name} is not a member any more.`,
    removing: 'Removing…',
    removeTitle: (name: string) => `Remove ${name}?`,
    removeText: (project: string) =>
      `They cannot see or control ${project} any more. The lights stay as they are.`,
    leave: 'Leave the project',
    leaving: 'Leaving…',
    leaveTitle: (project: string) => `Leave ${project}?`,
    leaveText: 'You cannot see or control it any more, until an owner takes you in again.',
    stepDownTitle: 'Give up being an owner?',
    stepDownText: (role: string) =>
      `As ${role.toLowerCase()} you cannot change members or see the security log any more. Another owner can make you owner again.`,
    stepDown: 'Give it up',
    invite: 'Invite somebody',
    inviteHint: 'They get a letter with a link, which is good once.',
    inviteSubmit: 'Send the invitation',
    inviting: 'Sending…',
    invited: (email: string) => `An invitation to ${email} is on its way.`,
    open: 'Open invitations',
    offer: (role: string, groups: string) => (groups ? `${role}: ${groups}` : role),
    until: (time: string) => `good until ${time}`,
    revoke: 'Take back',
    revokeOf: (email: string) => `Take back the invitation to ${email}`,
    revoked: (email: string) => `The invitation to ${email} is taken back.`,
    own: 'Your membership',
    ownRole: (role: string) => `You are ${role.toLowerCase()} of this project.`,
    ownAsk: 'An owner of the project can change that.',
  },

  support: {
    page: (project: string) => `Support of ${project}`,
    heading: 'Support',
    intro:
      'The people who run this server see nothing of a project by themselves. You can let one of them in, for a day at most. What they do is in the security log, and you can end it at any time.',
    let: 'Let somebody in',
    email: 'Email address of the operator',
    emailHint: 'The one that they gave to you.',
    access: 'What they may do',
    accessOf: { read: 'Look', write: 'Look and change' } satisfies Record<SupportAccess, string>,
    accessMeans: {
      read: 'They see lights and readings, and change nothing.',
      write: 'They control and set up lights too. They never decide about people.',
    } satisfies Record<SupportAccess, string>,
    hours: 'For how long',
    hoursOf: (n: number) => count(n, 'hour', 'hours'),
    reason: 'Why',
    reasonHint: 'What is to be looked at. Owners of the project read it.',
    reasonMissing: 'Say why, so that everybody knows later.',
    submit: 'Let them in',
    submitting: 'Letting them in…',
    granted: (name: string) => `${name} can see this project now. Every owner gets a letter.`,
    now: 'Now',
    before: 'Before',
    none: 'Nobody is let in, and nobody asks to be.',
    nameless: 'Account that is gone',
    you: 'You',
    state: {
      asked: 'Asks to be let in',
      active: 'Let in',
      ended: 'Ended early',
      expired: 'Over',
    } satisfies Record<SupportState, string>,
    stateOfRequest: 'Asked for, and not granted',
    fact: (access: string, hours: string) => `${access}, ${hours}`,
    until: (time: string) => `until ${time}`,
    at: (time: string) => `on ${time}`,
    grantedBy: (name: string) => `granted by ${name}`,
    allow: 'Let in',
    allowOf: (name: string) => `Let ${name} in`,
    decline: 'Decline',
    declineOf: (name: string) => `Decline what ${name} asks for`,
    end: 'End now',
    endOf: (name: string) => `End the access of ${name}`,
    declined: (name: string) => `${name} is not let in.`,
    ended: (name: string) => `${name} cannot see this project any more.`,
    forOwners: 'This page is for owners of the project.',

    operatorPage: 'Support',
    operatorHeading: 'Support of projects',
    operatorIntro:
      'You see a project when one of its owners lets you in, or, for an incident, when another operator approves what you ask for. Its owners get a letter, and what you do is in its security log.',
    operatorLink: 'Support of projects',
    ask: 'Ask to be let into a project',
    project: 'Identifier of the project',
    projectHint: 'The part behind /projects/ in the address that its people see.',
    projectMissing: 'Enter the identifier of the project.',
    askSubmit: 'Ask',
    asking: 'Asking…',
    asked: 'Asked. An owner of the project or another operator can let you in within a day.',
    yours: 'Yours',
    others: 'Asked by others',
    approve: 'Approve',
    approveTitle: (name: string) => `Let ${name} in?`,
    approveText:
      'Approve only for an incident that cannot wait for an owner. The owners of the project get a letter that names you both.',
    approving: 'Approving…',
    giveBack: 'Give back',
    takeBack: 'Take back',
    openProject: 'Open the project',
    noneYours: 'You are not let into any project.',
    noneOthers: 'Nobody else asks for anything.',
    notOperator: 'This page is for the people who run this server.',
  },

  log: {
    page: (project: string) => `Security log of ${project}`,
    heading: 'Security log',
    intro:
      'Who did what in this project, the newest first. Nobody can change it unnoticed: every entry is sealed by the one after it.',
    label: 'Entries of the security log',
    time: 'Time',
    who: 'Who',
    what: 'What',
    target: 'To what',
    result: 'Result',
    done: 'Done',
    refused: 'Refused',
    more: 'Show older entries',
    loading: 'Loading…',
    all: 'This is where the log begins.',
    none: 'Nothing was done in this project yet.',
    ownersTitle: 'The security log is for owners',
    ownersText: (role: string) =>
      `It names everybody who did something in this project, so only its owners read it. You are ${role.toLowerCase()} here. An owner can tell you what it says, or make you an owner too.`,
    you: 'You',
    subject: {
      operator: 'Operator of this server',
      nobody: 'Nobody in particular',
      account: (id: string) => `Account ${id}`,
      gateway: (id: string) => `Gateway ${id}`,
      device: (id: string) => `Device ${id}`,
      group: (id: string) => `Group ${id}`,
      network: (id: string) => `Network ${id}`,
      position: (id: string) => `Position ${id}`,
      invitation: (id: string) => `Invitation ${id}`,
      support: (id: string) => `Support grant ${id}`,
    },
    /** What was done. An action that is not here is shown as the log has it. */
    action: {
      'project.made': 'Made the project',
      'member.set': 'Gave a role',
      'member.removed': 'Ended a membership',
      'invitation.made': 'Invited somebody',
      'invitation.revoked': 'Took an invitation back',
      'invitation.accepted': 'Accepted an invitation',
      'support.asked': 'Asked to be let in as support',
      'support.granted': 'Let support in',
      'support.ended': 'Ended the access of support',
      'network.made': 'Made a network',
      'gateway.claimed': 'Claimed a gateway',
      'gateway.released': 'Released a gateway',
      'device.added': 'Added a device',
      'device.removed': 'Removed a device',
      'group.made': 'Made a group',
      'group.renamed': 'Renamed a group',
      'group.changed': 'Changed the lights of a group',
      'group.deleted': 'Deleted a group',
      'refusals.left-out': 'More refusals than are written one by one',
    } as Record<string, string>,
    /** What was refused. An operation that is not here is shown as the log has it. */
    operation: {
      'list-members': 'see the members',
      'get-member': 'see a member',
      'change-member': 'change a member',
      'remove-member': 'remove a member',
      invite: 'invite somebody',
      'list-invitations': 'see the invitations',
      'revoke-invitation': 'take an invitation back',
      'list-security-log': 'see the security log',
      'list-readings': 'see readings',
      'get-continuity': 'see whether readings are missing',
      'get-project': 'see the project',
      'list-devices': 'see the lights',
      'list-groups': 'see the groups',
      'get-command': 'see what came of a command',
      'receive-live-data': 'receive live data',
      'list-project-support': 'see who is let in as support',
      'grant-support': 'let support in',
      'allow-support': 'let support in',
      'end-support': 'end the access of support',
      'send-command': 'control lights',
      'make-network': 'make a network',
      'claim-gateway': 'claim a gateway',
      'release-gateway': 'release a gateway',
      'add-device': 'add a device',
      'remove-device': 'remove a device',
      'make-group': 'make a group',
      'change-group': 'change a group',
      'delete-group': 'delete a group',
    } as Record<string, string>,
    usedSupport: (operation: string) => `As support: ${operation}`,
    tried: (operation: string) => `Tried to ${operation}`,
    detail: {
      groups: (n: number) => count(n, 'group', 'groups'),
      count: (n: number) => count(n, 'refusal', 'refusals'),
      hours: (n: number) => count(n, 'hour', 'hours'),
    },
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
    noneGranted:
      'No group of lights is granted to you yet. An owner of the project can grant you some.',
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
