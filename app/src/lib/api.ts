// The API client: same origin, JSON, problem+json errors (RFC 9457), a time-out on
// every request, and retries for reads alone, because only they may be repeated blindly.

import type {
  Account,
  Action,
  AlertDetail,
  AlertPage,
  AlertSettings,
  Agreements,
  ApiToken,
  Authorization,
  Admitted,
  Ceremony,
  Command,
  CommandRequest,
  Correction,
  CredentialJson,
  Departure,
  Deletion,
  Device,
  DeviceEvent,
  EnergyAnswer,
  EnergySettings,
  HomeAssistant,
  ExportSize,
  Group,
  Invitation,
  KeyOffer,
  LetIn,
  LetterWish,
  LogEntry,
  MadeApp,
  MadeApiToken,
  MadeWebhook,
  Member,
  MqttToken,
  OccupancyAnswer,
  OperatorText,
  OwnAccount,
  OwnSession,
  Passkey,
  Page,
  Period,
  Project,
  Program,
  ProjectItem,
  ProviderWay,
  Readings,
  Return,
  RegisteredApp,
  Role,
  SignInEntry,
  SupportGrant,
  SupportGrants,
  SupportWish,
  Webhook,
  WebhookTrial,
} from './types';

export interface FieldError {
  location?: string;
  message: string;
}

/** An answer that is not a success. `detail` is written for people. */
export class Problem extends Error {
  constructor(
    /** HTTP status; 0 when no answer came. */
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly errors: readonly FieldError[] = [],
    /** How long the server asks to wait, in milliseconds. */
    readonly retryAfter: number | null = null,
  ) {
    super(detail || title);
    this.name = 'Problem';
  }

  /** No answer came: the network or the server is away. */
  get unreachable(): boolean {
    return this.status === 0;
  }

  /** Trying the same read again may work. */
  get temporary(): boolean {
    return [0, 429, 502, 503, 504].includes(this.status);
  }
}

export interface ApiOptions {
  fetch?: typeof fetch;
  /** Waits between tries; a test passes its own. */
  sleep?: (ms: number) => Promise<void>;
  /** Called when the server says that the session is over. */
  onSignedOut?: () => void;
  /** Called with the server's clock (ms UTC) whenever an answer carries it. */
  onServerTime?: (ms: number) => void;
}

/** Something with the tag that tells this version of it from others. */
export interface Tagged<T> {
  value: T;
  etag: string | null;
}

const timeoutMs = 10_000;
/** How long a question about years may take. */
const questionMs = 30_000;
/** How long a copy of everything may take to be made. */
const exportMs = 30_000;
const retryDelaysMs = [400, 1200];
const maxRetryAfterMs = 5_000;
/** Stops a server that never ends its pages: 200 pages are far more than any project has. */
const maxPages = 200;
/** How many entries of the security log are read at once. */
const logPage = 50;

export class Api {
  readonly #fetch: typeof fetch;
  readonly #sleep: (ms: number) => Promise<void>;
  readonly #options: ApiOptions;

  constructor(options: ApiOptions = {}) {
    this.#options = options;
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
    this.#sleep = options.sleep ?? ((ms) => new Promise((done) => setTimeout(done, ms)));
  }

  // Sessions. The first two answer 401 as a matter of course, which does not mean
  // that a session has ended.

  signIn(email: string, password: string): Promise<Admitted> {
    return this.#request('POST', '/sessions', { body: { email, password }, quiet401: true });
  }

  /** The second step, with the token of the first. */
  finishSignIn(token: string, code: string): Promise<Admitted> {
    return this.#request('POST', '/sessions/second-step', {
      body: { token, code },
      quiet401: true,
    });
  }

  beginPasskeySignIn(): Promise<Ceremony> {
    return this.#request('POST', '/sessions/passkey/begin', { quiet401: true });
  }

  finishPasskeySignIn(token: string, credential: CredentialJson): Promise<Admitted> {
    return this.#request('POST', '/sessions/passkey', {
      body: { token, credential },
      quiet401: true,
    });
  }

  /** The OpenID provider that one can sign in through, null for none. */
  async provider(): Promise<ProviderWay | null> {
    const ways = await this.#read<{ provider: ProviderWay | null }>('/sign-in-ways');
    return ways.provider;
  }

  beginProviderSignIn(): Promise<Departure> {
    return this.#request('POST', '/sessions/provider/begin', { quiet401: true });
  }

  finishProviderSignIn(back: Return): Promise<Admitted> {
    return this.#request('POST', '/sessions/provider', { body: back, quiet401: true });
  }

  session(): Promise<{ account: Account }> {
    return this.#read('/sessions/current', { quiet401: true });
  }

  signOut(): Promise<void> {
    return this.#request('DELETE', '/sessions/current', { quiet401: true });
  }

  // Accounts. What is behind the link of a letter is good once.

  register(who: { email: string; name: string; country: string }): Promise<void> {
    return this.#request('POST', '/registrations', { body: who });
  }

  confirmRegistration(token: string, password: string): Promise<Admitted> {
    return this.#request('POST', '/registrations/confirm', { body: { token, password } });
  }

  forgotPassword(email: string): Promise<void> {
    return this.#request('POST', '/password-resets', { body: { email } });
  }

  resetPassword(token: string, password: string): Promise<void> {
    return this.#request('POST', '/password-resets/confirm', { body: { token, password } });
  }

  // The account of who is signed in. What changes how they sign in takes the password.

  account(): Promise<OwnAccount> {
    return this.#read('/account');
  }

  correctAccount(change: Correction): Promise<OwnAccount> {
    return this.#request('PUT', '/account', { body: change });
  }

  /** Asks for another address: a letter goes there. */
  changeEmail(email: string, password: string): Promise<void> {
    return this.#request('POST', '/account/email', { body: { email, password } });
  }

  confirmEmail(token: string): Promise<void> {
    return this.#request('POST', '/email-changes/confirm', { body: { token } });
  }

  undoEmail(token: string): Promise<void> {
    return this.#request('POST', '/email-changes/undo', { body: { token } });
  }

  /** A ZIP file with everything that is known of who is signed in. */
  exportAccount(password: string): Promise<Blob> {
    return this.#request('POST', '/account/export', {
      body: { password },
      file: true,
      timeout: exportMs,
    });
  }

  eraseAccount(password: string): Promise<void> {
    return this.#request('POST', '/account/erasure', { body: { password } });
  }

  /** What who is signed in agreed to, and what they are asked to agree to. */
  agreements(): Promise<Agreements> {
    return this.#read('/account/agreements');
  }

  agree(texts: readonly OperatorText[]): Promise<Agreements> {
    const body = { agree: texts.map(({ sha256 }) => sha256) };
    return this.#request('POST', '/account/agreements', { body });
  }

  changePassword(password: string, new_password: string): Promise<Admitted> {
    return this.#request('POST', '/account/password', { body: { password, new_password } });
  }

  offerSecondStep(password: string): Promise<KeyOffer> {
    return this.#request('POST', '/account/second-step', { body: { password } });
  }

  async confirmSecondStep(token: string, code: string): Promise<string[]> {
    const body = { token, code };
    return (
      await this.#request<{ codes: string[] }>('POST', '/account/second-step/confirm', { body })
    ).codes;
  }

  removeSecondStep(password: string): Promise<void> {
    return this.#request('POST', '/account/second-step/remove', { body: { password } });
  }

  async renewRecoveryCodes(password: string): Promise<string[]> {
    const body = { password };
    return (await this.#request<{ codes: string[] }>('POST', '/account/recovery-codes', { body }))
      .codes;
  }

  beginProviderLink(password: string): Promise<Departure> {
    return this.#request('POST', '/account/provider/begin', { body: { password } });
  }

  finishProviderLink(back: Return): Promise<void> {
    return this.#request('POST', '/account/provider', { body: back });
  }

  removeProviderLink(password: string): Promise<void> {
    return this.#request('POST', '/account/provider/remove', { body: { password } });
  }

  async passkeys(): Promise<Passkey[]> {
    return (await this.#read<Page<Passkey>>('/account/passkeys')).items;
  }

  beginPasskey(password: string): Promise<Ceremony> {
    return this.#request('POST', '/account/passkeys/begin', { body: { password } });
  }

  addPasskey(token: string, credential: CredentialJson, name: string): Promise<Passkey> {
    return this.#request('POST', '/account/passkeys', { body: { token, credential, name } });
  }

  removePasskey(id: string, password: string): Promise<void> {
    return this.#request('POST', path`/account/passkeys/${id}/remove`, { body: { password } });
  }

  async sessions(): Promise<OwnSession[]> {
    return (await this.#read<Page<OwnSession>>('/account/sessions')).items;
  }

  endSession(id: string): Promise<void> {
    return this.#request('DELETE', path`/account/sessions/${id}`, {});
  }

  endOtherSessions(): Promise<void> {
    return this.#request('DELETE', '/account/sessions', {});
  }

  async signIns(): Promise<SignInEntry[]> {
    return (await this.#read<Page<SignInEntry>>('/account/sign-ins')).items;
  }

  // Projects and what is in them.

  projects(): Promise<ProjectItem[]> {
    return this.#pages<ProjectItem>('/projects');
  }

  project(id: string): Promise<Project> {
    return this.#read(path`/projects/${id}`);
  }

  // A project as files, and its end.

  exportSize(project: string, period: Period): Promise<ExportSize> {
    return this.#read(path`/projects/${project}/export/size` + query(period));
  }

  /** A ZIP file of a project's readings. It takes as long as it takes: progress tells how many bytes have come. */
  async exportReadings(
    project: string,
    wish: Period & { format: 'csv' | 'json' | 'parquet' },
    signal: AbortSignal,
    progress: (bytes: number) => void,
  ): Promise<Blob> {
    try {
      const response = await this.#fetch(
        '/api/v1' + path`/projects/${project}/export` + query(wish),
        { credentials: 'same-origin', signal },
      );
      if (!response.ok) throw this.#refusal(response, await response.text(), {});
      return await received(response, progress);
    } catch (error) {
      if (signal.aborted || error instanceof Problem) throw error;
      throw new Problem(0, 'No answer', '');
    }
  }

  deleteProject(project: string, name: string, password: string): Promise<Deletion> {
    return this.#request('PUT', path`/projects/${project}/deletion`, { body: { name, password } });
  }

  keepProject(project: string): Promise<void> {
    return this.#request('DELETE', path`/projects/${project}/deletion`, {});
  }

  /** All devices of a project. Of many, progress tells how many have come. */
  devices(project: string, progress?: (count: number) => void): Promise<Device[]> {
    return this.#pages<Device>(path`/projects/${project}/devices`, progress);
  }

  groups(project: string): Promise<Group[]> {
    return this.#pages<Group>(path`/projects/${project}/groups`);
  }

  /** Puts lights into a group beside those that it has. It is refused when somebody changes the group meanwhile. */
  async joinGroup(project: string, group: string, lights: readonly string[]): Promise<Group> {
    const resource = path`/projects/${project}/groups/${group}`;
    const { value, etag } = await this.#tagged<Group>(resource);
    const devices = [...new Set([...value.devices, ...lights])];
    return this.#request('PUT', resource, { body: { name: value.name, devices }, ifMatch: etag });
  }

  readings(
    project: string,
    query: {
      device: string;
      metric: string;
      from: string;
      to: string;
      limit: number;
      cursor?: string;
    },
    signal?: AbortSignal,
  ): Promise<Readings> {
    const params = new URLSearchParams({ ...query, limit: String(query.limit) });
    return this.#read(path`/projects/${project}/readings` + `?${params}`, { signal });
  }

  // Energy and occupancy. Days are those of the project's time zone.

  energy(
    project: string,
    question: { from: string; to: string; by: string; per: string; compare?: string },
    signal: AbortSignal,
  ): Promise<EnergyAnswer> {
    return this.#read(path`/projects/${project}/energy` + query(question), {
      signal,
      timeout: questionMs,
    });
  }

  occupancy(
    project: string,
    question: { from: string; to: string; by: string; per: string },
    signal: AbortSignal,
  ): Promise<OccupancyAnswer> {
    return this.#read(path`/projects/${project}/occupancy` + query(question), {
      signal,
      timeout: questionMs,
    });
  }

  energySettings(project: string): Promise<Tagged<EnergySettings>> {
    return this.#tagged(path`/projects/${project}/energy-settings`);
  }

  /** Replaces the settings; it is refused when somebody changed them meanwhile. */
  setEnergySettings(
    project: string,
    { value, etag }: Tagged<EnergySettings>,
  ): Promise<EnergySettings> {
    return this.#request('PUT', path`/projects/${project}/energy-settings`, {
      body: value,
      ifMatch: etag,
    });
  }

  homeAssistant(project: string): Promise<HomeAssistant> {
    return this.#read(path`/projects/${project}/home-assistant`);
  }

  setHomeAssistant(project: string, on: boolean): Promise<HomeAssistant> {
    return this.#request('PUT', path`/projects/${project}/home-assistant`, { body: { on } });
  }

  // Members and what they did.

  members(project: string): Promise<Member[]> {
    return this.#pages<Member>(path`/projects/${project}/members`);
  }

  changeMember(
    project: string,
    account: string,
    change: { role: Role; groups: string[] },
  ): Promise<Member> {
    return this.#request('PUT', path`/projects/${project}/members/${account}`, { body: change });
  }

  removeMember(project: string, account: string): Promise<void> {
    return this.#request('DELETE', path`/projects/${project}/members/${account}`, {});
  }

  invitations(project: string): Promise<Invitation[]> {
    return this.#pages<Invitation>(path`/projects/${project}/invitations`);
  }

  invite(
    project: string,
    offer: { email: string; role: Role; groups: string[] },
  ): Promise<Invitation> {
    return this.#request('POST', path`/projects/${project}/invitations`, { body: offer });
  }

  revokeInvitation(project: string, id: string): Promise<void> {
    return this.#request('DELETE', path`/projects/${project}/invitations/${id}`, {});
  }

  /** Makes who is signed in a member of the project that a letter invites them to. */
  acceptInvitation(token: string): Promise<{ project_id: string }> {
    return this.#request('POST', '/invitations/accept', { body: { token } });
  }

  /** A page of the security log, the newest entry first; it goes on at the cursor. */
  securityLog(project: string, cursor: string | null): Promise<Page<LogEntry>> {
    const params = new URLSearchParams({ limit: String(logPage), ...(cursor && { cursor }) });
    return this.#read(path`/projects/${project}/security-log` + `?${params}`);
  }

  // Alerts.

  /** A page of alerts, the newest first; it goes on at the cursor. */
  alerts(
    project: string,
    state: 'open' | 'cleared',
    cursor: string | null,
    device?: string,
  ): Promise<AlertPage> {
    const params = new URLSearchParams({
      state,
      limit: '100',
      ...(cursor && { cursor }),
      ...(device && { device }),
    });
    return this.#read(path`/projects/${project}/alerts` + `?${params}`);
  }

  /** A page of what happened to a device, the newest first; it goes on at the cursor. */
  deviceEvents(
    project: string,
    device: string,
    cursor: string | null,
  ): Promise<{ items: DeviceEvent[]; next_cursor?: string }> {
    const params = new URLSearchParams({ limit: '25', ...(cursor && { cursor }) });
    return this.#read(path`/projects/${project}/devices/${device}/events` + `?${params}`);
  }

  alert(project: string, id: string): Promise<AlertDetail> {
    return this.#read(path`/projects/${project}/alerts/${id}`);
  }

  /** Says that one sees to an alert, with a note unless it is empty. */
  acknowledgeAlert(project: string, id: string, note: string): Promise<AlertDetail> {
    return this.#request('POST', path`/projects/${project}/alerts/${id}/acknowledgement`, {
      body: note ? { note } : {},
    });
  }

  alertSettings(project: string): Promise<Tagged<AlertSettings>> {
    return this.#tagged(path`/projects/${project}/alert-settings`);
  }

  /** Replaces the settings; it is refused when somebody changed them meanwhile. */
  setAlertSettings(
    project: string,
    { value: { rules, quiet_hours }, etag }: Tagged<AlertSettings>,
  ): Promise<AlertSettings> {
    return this.#request('PUT', path`/projects/${project}/alert-settings`, {
      body: { rules, quiet_hours },
      ifMatch: etag,
    });
  }

  async alertLetters(project: string): Promise<LetterWish> {
    const resource = path`/projects/${project}/alert-letters`;
    return (await this.#read<{ least_severity: LetterWish }>(resource)).least_severity;
  }

  async setAlertLetters(project: string, least_severity: LetterWish): Promise<LetterWish> {
    const resource = path`/projects/${project}/alert-letters`;
    const body = { least_severity };
    return (await this.#request<{ least_severity: LetterWish }>('PUT', resource, { body }))
      .least_severity;
  }

  async webhooks(project: string): Promise<Webhook[]> {
    return (await this.#read<Page<Webhook>>(path`/projects/${project}/webhooks`)).items;
  }

  makeWebhook(
    project: string,
    hook: Pick<Webhook, 'url' | 'least_severity'>,
  ): Promise<MadeWebhook> {
    return this.#request('POST', path`/projects/${project}/webhooks`, { body: hook });
  }

  /** Tells a webhook that this is a test, and says what came of it. */
  testWebhook(project: string, id: string): Promise<WebhookTrial> {
    return this.#request('POST', path`/projects/${project}/webhooks/${id}/test`, {});
  }

  removeWebhook(project: string, id: string): Promise<void> {
    return this.#request('DELETE', path`/projects/${project}/webhooks/${id}`, {});
  }

  // Commands.

  command(project: string, request: CommandRequest): Promise<Command> {
    return this.#request('POST', path`/projects/${project}/commands`, { body: request });
  }

  /** Answers when the command has ended, or after waitMs with how it stands. */
  commandResult(project: string, id: string, waitMs: number): Promise<Command> {
    return this.#read(path`/projects/${project}/commands/${id}` + `?wait_ms=${waitMs}`, {
      timeout: timeoutMs + waitMs,
    });
  }

  // API tokens, for programs that act for who is signed in.

  async tokens(): Promise<ApiToken[]> {
    return (await this.#read<Page<ApiToken>>('/tokens')).items;
  }

  makeToken(wish: {
    name: string;
    project_id: string;
    actions: Action[];
    expires_in_days: number;
  }): Promise<MadeApiToken> {
    return this.#request('POST', '/tokens', { body: wish });
  }

  revokeToken(id: string): Promise<void> {
    return this.#request('DELETE', path`/tokens/${id}`, {});
  }

  /** Ends every token that who is signed in made, and every app that they let in. */
  endPrograms(): Promise<void> {
    return this.#request('DELETE', '/account/programs', {});
  }

  // Apps of others, and who let them in.

  authorization(query: string): Promise<Authorization> {
    return this.#read(`/oauth/authorization?${new URLSearchParams({ query })}`);
  }

  /** Lets an app do something, or not; returns where the browser goes on. */
  async answerAuthorization(answer: {
    query: string;
    allow: boolean;
    actions: Action[];
  }): Promise<string> {
    return (await this.#request<{ url: string }>('POST', '/oauth/authorization', { body: answer }))
      .url;
  }

  async letIn(): Promise<LetIn[]> {
    return (await this.#read<Page<LetIn>>('/account/apps')).items;
  }

  endLetIn(id: string): Promise<void> {
    return this.#request('DELETE', path`/account/apps/${id}`, {});
  }

  apps(project: string): Promise<RegisteredApp[]> {
    return this.#pages<RegisteredApp>(path`/projects/${project}/apps`);
  }

  registerApp(
    project: string,
    app: { name: string; redirect_uris: string[]; actions: Action[]; confidential: boolean },
  ): Promise<MadeApp> {
    return this.#request('POST', path`/projects/${project}/apps`, { body: app });
  }

  removeApp(project: string, id: string): Promise<void> {
    return this.#request('DELETE', path`/projects/${project}/apps/${id}`, {});
  }

  programs(project: string): Promise<Program[]> {
    return this.#pages<Program>(path`/projects/${project}/programs`);
  }

  endProgram(project: string, { kind, id }: Program): Promise<void> {
    return this.#request('DELETE', path`/projects/${project}/programs/${kind}/${id}`, {});
  }

  // Live.

  // Support: operators whom owners let in for a time. Without a project it is what an
  // operator does.

  support(project: string | null): Promise<SupportGrants> {
    return this.#read(supportIn(project));
  }

  grantSupport(
    project: string,
    grant: SupportWish & { operator_email: string },
  ): Promise<SupportGrant> {
    return this.#request('POST', supportIn(project), { body: grant });
  }

  askForSupport(request: SupportWish & { project_id: string }): Promise<SupportGrant> {
    return this.#request('POST', supportIn(null), { body: request });
  }

  approveSupport(project: string | null, grant: string): Promise<SupportGrant> {
    return this.#request('POST', supportIn(project) + path`/${grant}/approval`, {});
  }

  endSupport(project: string | null, grant: string): Promise<void> {
    return this.#request('DELETE', supportIn(project) + path`/${grant}`, {});
  }

  mqttToken(): Promise<MqttToken> {
    return this.#request('POST', '/mqtt-tokens', {});
  }

  /** Reads something with the tag that tells one version of it from the next. */
  async #tagged<T>(resource: string): Promise<Tagged<T>> {
    let etag: string | null = null;
    const value = await this.#read<T>(resource, { onTag: (tag) => (etag = tag) });
    return { value, etag };
  }

  async #pages<T>(resource: string, progress?: (count: number) => void): Promise<T[]> {
    const items: T[] = [];
    let cursor: string | null | undefined;
    for (let page = 0; page < maxPages; page++) {
      const query = cursor ? `?cursor=${encodeURIComponent(cursor)}` : '';
      const answer = await this.#read<Page<T>>(resource + query);
      items.push(...answer.items);
      cursor = answer.next_cursor;
      progress?.(items.length);
      if (!cursor) return items;
    }
    throw new Problem(0, 'Too many pages', `The list ${resource} does not end.`);
  }

  async #read<T>(resource: string, options: RequestOptions = {}): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#request<T>('GET', resource, options);
      } catch (error) {
        const delay = retryDelaysMs[attempt];
        const again = error instanceof Problem && error.temporary && !options.signal?.aborted;
        if (!again || delay === undefined) throw error;
        await this.#sleep(Math.min(error.retryAfter ?? delay, maxRetryAfterMs));
      }
    }
  }

  /** Returns why an answer is none, and says that the session has ended when it has. */
  #refusal(response: Response, text: string, options: RequestOptions): Problem {
    if (response.status === 401 && !options.quiet401) this.#options.onSignedOut?.();
    return problemOf(response, text);
  }

  async #request<T>(method: string, resource: string, options: RequestOptions): Promise<T> {
    const timeout = AbortSignal.timeout(options.timeout ?? timeoutMs);
    const init: RequestInit = {
      method,
      credentials: 'same-origin',
      headers: { Accept: 'application/json' },
      signal: options.signal ? AbortSignal.any([timeout, options.signal]) : timeout,
    };
    if (options.body !== undefined) {
      init.headers = { ...init.headers, 'Content-Type': 'application/json' };
      init.body = JSON.stringify(options.body);
    }
    if (options.ifMatch) init.headers = { ...init.headers, 'If-Match': options.ifMatch };

    let response: Response;
    let text: string;
    try {
      response = await this.#fetch('/api/v1' + resource, init);
      if (response.ok && options.file) return (await response.blob()) as T;
      text = await response.text();
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw new Problem(0, 'No answer', '');
    }

    const date = Date.parse(response.headers.get('Date') ?? '');
    if (!Number.isNaN(date)) this.#options.onServerTime?.(date);

    if (!response.ok) throw this.#refusal(response, text, options);
    options.onTag?.(response.headers.get('ETag'));
    if (text === '') return undefined as T;
    try {
      return JSON.parse(text) as T;
    } catch {
      throw new Problem(0, 'Not understood', '');
    }
  }
}

/** Reads an answer piece by piece. */
async function received(response: Response, progress: (bytes: number) => void): Promise<Blob> {
  const type = response.headers.get('Content-Type') ?? '';
  if (!response.body) return new Blob([await response.arrayBuffer()], { type });
  const reader = response.body.getReader();
  const pieces: BlobPart[] = [];
  for (let bytes = 0; ;) {
    const { done, value } = await reader.read();
    if (done) return new Blob(pieces, { type });
    pieces.push(value);
    progress((bytes += value.byteLength));
  }
}

function query(values: object): string {
  return '?' + new URLSearchParams(values as Record<string, string>).toString();
}

interface RequestOptions {
  /** Whether a success is a file, and not JSON. */
  file?: boolean;
  body?: unknown;
  timeout?: number;
  quiet401?: boolean;
  signal?: AbortSignal | undefined;
  /** The version that is to be replaced; another one is kept, and this is refused. */
  ifMatch?: string | null;
  onTag?: (etag: string | null) => void;
}

function supportIn(project: string | null): string {
  return project === null ? '/support-grants' : path`/projects/${project}/support-grants`;
}

/** Builds a path whose parts cannot change its shape. */
function path(literals: TemplateStringsArray, ...parts: string[]): string {
  return literals.reduce(
    (whole, literal, i) => whole + encodeURIComponent(parts[i - 1] ?? '') + literal,
  );
}

function problemOf(response: Response, text: string): Problem {
  const seconds = Number(response.headers.get('Retry-After') ?? NaN);
  const retryAfter = Number.isFinite(seconds) ? seconds * 1000 : null;
  try {
    const body = JSON.parse(text) as Partial<Record<'title' | 'detail', string>> & {
      errors?: FieldError[];
    };
    return new Problem(
      response.status,
      body.title ?? response.statusText,
      body.detail ?? '',
      Array.isArray(body.errors) ? body.errors : [],
      retryAfter,
    );
  } catch {
    return new Problem(response.status, response.statusText, '', [], retryAfter);
  }
}
