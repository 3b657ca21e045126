// What the API and the live topics say, as they say it (snake case, SI units).
// Levels are in per mille of full output, 0 to 1000; times are RFC 3339.

export type Role = 'owner' | 'expert' | 'user' | 'viewer';
export type DeviceKind = 'luminaire' | 'sensor' | 'switch' | 'gateway';
export type Stage = 'waiting' | 'joined' | 'configured' | 'failed';
export type Cause = 'unknown' | 'command' | 'power_up';

export interface Account {
  id: string;
  name: string;
  email: string;
}

/** Somebody's own account, and how they sign in. */
/** What somebody may change of what is known of them; "" is what they do not say. */
export interface Correction {
  name: string;
  country: string;
  phone: string;
  address: string;
  contact: string;
}

export interface OwnAccount extends Account, Correction {
  /** Whether there is a password to sign in with. */
  password: boolean;
  second_step: { since: string; recovery_codes: number } | null;
  /** How the account is connected with the OpenID provider. */
  provider: { since: string; used_at: string | null } | null;
}

/** The OpenID provider that one can sign in through. */
export interface ProviderWay {
  /** What people call it. */
  label: string;
}

/** Where a browser goes to sign in. */
export interface Departure {
  url: string;
  expires_at: string;
}

/** What it comes back with. */
export interface Return {
  state: string;
  code: string;
  iss?: string | undefined;
}

/** How far somebody came who signs in: in, or to the second step. */
export interface Admitted {
  account?: Account;
  second_step?: { token: string; expires_at: string };
}

/** How somebody proved who they are; "" when it is not known. */
export type Proof = 'password' | 'code' | 'recovery-code' | 'passkey' | 'provider' | '';

export interface OwnSession {
  id: string;
  current: boolean;
  created_at: string;
  used_at: string;
  by: Proof;
  device: string;
  network: string;
}

export interface SignInEntry {
  id: string;
  at: string;
  by: Proof;
  refused: boolean;
  device: string;
  network: string;
}

/** Options of Web Authentication, and its answers, for the browser and the server to read. */
export type PasskeyOptions = Record<string, unknown>;
export type CredentialJson = Record<string, unknown>;

/** What the browser is asked, to make a passkey or to use one. */
export interface Ceremony {
  token: string;
  options: PasskeyOptions;
  expires_at: string;
}

export interface Passkey {
  id: string;
  name: string;
  created_at: string;
  used_at: string | null;
  /** A service keeps it on several devices. */
  synced: boolean;
  /** There may be a copy of it: it is not taken any more. */
  suspect: boolean;
}

/** A key for an authenticator app. */
export interface KeyOffer {
  token: string;
  key: string;
  uri: string;
  expires_at: string;
}

export interface ProjectItem {
  id: string;
  name: string;
  role: Role;
}

export interface Gateway {
  eui64: string;
  model: string;
  firmware: string;
  online: boolean;
  /** When it came online or went offline. */
  since: string | null;
}

export interface Network {
  id: string;
  name: string;
  channel: number | null;
  pan_id: number | string | null;
  extended_pan_id: string | null;
  gateway: Gateway | null;
}

/** What may be done in a project (docs/roles.md). */
export type Action =
  | 'project.read'
  | 'readings.read'
  | 'lights.control-granted'
  | 'lights.control'
  | 'lights.configure'
  | 'networks.manage'
  | 'members.manage'
  | 'security-log.read'
  | 'support.manage'
  | 'readings.export'
  | 'project.delete'
  | 'alerts.handle'
  | 'alerts.configure'
  | 'energy.configure'
  | 'integrations.configure';

/** Names a text of the people who run the server. */
interface TextName {
  kind: 'terms' | 'privacy';
  /** The day that it is of. */
  version: string;
  sha256: string;
}

export interface OperatorText extends TextName {
  text: string;
}

export interface Agreed extends TextName {
  agreed_at: string;
}

export interface Agreements {
  /** The newest first. */
  agreed: Agreed[];
  /** Texts of now that are not agreed to. */
  open: OperatorText[];
}

/** That a project will be deleted. */
export interface Deletion {
  asked_at: string;
  /** Until when any owner can take it back. */
  due_at: string;
}

/** From one time, included, to another, excluded. */
export interface Period {
  from: string;
  to: string;
}

/** How large an export will be, about. */
export interface ExportSize {
  series: number;
  readings: number;
  bytes: number;
}

export interface Project extends ProjectItem {
  /** Null when it will not be deleted. */
  deletion: Deletion | null;
  /** Until when what is known of it was made up by a program; null when nothing was. */
  generated_until: string | null;
  /** Gateways tell occupancy of whole periods alone: whether somebody is there now is not known. */
  occupancy_aggregated: boolean;
  /** Until when who is signed in sees the project as support; null for a member. */
  support_until: string | null;
  /** What who is signed in may do there. */
  actions: Action[];
  /** The groups that they control when they do not control every light. */
  granted_groups: string[];
  networks: Network[];
}

/** The confirmed state of a light: what it reported itself, never what was asked of it. */
export interface LightState {
  eui64: string;
  /** When on, level, cause and reachable were confirmed; null when they never were. */
  at: string | null;
  reachable: boolean;
  heard_at: string | null;
  on: boolean | null;
  level: number | null;
  cause: Cause;
  power_w: number | null;
  /** When power_w was measured. */
  power_at: string | null;

  // What a device says of itself from time to time; not known until it did.
  kelvin?: number | null;
  /** What is wrong with it: lamp, driver. */
  faults?: string[];
  temperature_c?: number | null;
  battery_percent?: number | null;
  occupied?: boolean | null;
  signal_dbm?: number | null;
  /** Of the last hop, 0 to 255. */
  link_quality?: number | null;
  burn_hours?: number | null;
  illuminance_lx?: number | null;
}

/** What a device says that it is; empty or 0 where it does not say. */
export interface AssetData {
  model: string;
  manufacturer: string;
  hardware_version: number;
  firmware: string;
  serial: string;
  rated_power_w: number;
}

export interface Device {
  eui64: string;
  kind: DeviceKind;
  model: string;
  serial: string;
  network_id: string;
  position: { id: string; name: string } | null;
  groups: string[];
  stage: Stage;
  stage_reason?: string | null;
  /** Null before it said what it is. */
  asset?: AssetData | null;
  state: LightState | null;
}

export interface Group {
  id: string;
  name: string;
  network_id: string;
  number: number;
  devices: string[];
}

/** A live message about a gateway. */
export interface GatewayPresence {
  eui64: string;
  online: boolean;
  since: string | null;
}

export type CommandStatus = 'pending' | 'confirmed' | 'partial' | 'failed' | 'expired';
export type OutcomeStatus = 'confirmed' | 'unconfirmed' | 'refused' | 'not_joined' | 'expired';

export interface Outcome {
  eui64: string;
  status: OutcomeStatus;
}

export type Target = { device: string } | { group: string };

/** What is asked of a light or a group: a switching or a level, never both. */
export type Change = { on: boolean } | { level: number };

export type CommandRequest = Target & Change & { fade_ms: number };

export interface Command {
  id: string;
  target: { device?: string; group?: string };
  on?: boolean;
  level?: number;
  fade_ms: number;
  status: CommandStatus;
  confirmed: number;
  of: number;
  outcomes: Outcome[] | null;
  created_at: string;
  ended_at: string | null;
}

export interface Reading {
  at: string;
  value: number;
}

export interface Readings {
  unit: string;
  items: Reading[];
  next_cursor?: string | null;
}

export interface MqttToken {
  url: string;
  username: string;
  password: string;
  expires_at: string;
}

export interface Member {
  account_id: string;
  /** Empty when the account is gone, as is the address. */
  name: string;
  email: string;
  role: Role;
  /** Of a user: the groups that they may control. */
  groups: string[];
}

/** An offer to become a member that is open. */
export interface Invitation {
  id: string;
  email: string;
  role: Role;
  groups: string[];
  created_at: string;
  expires_at: string;
}

export type SupportAccess = 'read' | 'write';
export type SupportState = 'asked' | 'active' | 'ended' | 'expired';

/** How far, how long and why somebody is to be let in. */
export interface SupportWish {
  access: SupportAccess;
  hours: number;
  reason: string;
}

/** The right of an operator to a project, for a time. */
export interface SupportGrant extends SupportWish {
  id: string;
  project_id: string;
  state: SupportState;
  operator: { account_id: string; name: string };
  asked_at: string;
  granted_by: { account_id: string; name: string } | null;
  granted_at: string | null;
  /** While it is only asked for: until when it can be granted. */
  expires_at: string;
  ended_at: string | null;
  /** It is for who is signed in. */
  own: boolean;
}

/** What an operator sees; for others there is nothing. */
export interface SupportGrants {
  operator: boolean;
  items: SupportGrant[];
}

/** What is known of the energy of something in a span of time. */
export interface EnergyFigures {
  energy_wh: number;
  spread_wh: number;
  /** Null for the future, and where there are no lights. */
  known_share: number | null;
  burn_h: number;
  peak_device_w: number;
  peak_w: number | null;
  cost: number | null;
  co2_g: number | null;
  baseline_wh: number | null;
}

/** The energy of a project, a network, a group or a position. */
export interface EnergyRow {
  id: string;
  name: string;
  network_id: string;
  devices: number;
  removed: boolean;
  total: EnergyFigures;
  /** One for each span. */
  values: EnergyFigures[];
  compared_total: EnergyFigures | null;
  compared: EnergyFigures[];
}

export interface EnergyAnswer {
  time_zone: string;
  by: string;
  per: string;
  currency: string;
  spans: Period[];
  compared_spans: Period[];
  items: EnergyRow[];
}

export interface OccupancyRow {
  id: string;
  name: string;
  network_id: string;
  sensors: number;
  values: { occupied_share: number | null; known_share: number | null }[];
}

export interface OccupancyAnswer {
  time_zone: string;
  /** Gateways tell of whole periods alone. */
  aggregated: boolean;
  spans: Period[];
  items: OccupancyRow[];
}

export type Weekday = 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun';

/** A price at certain times of certain days. */
export interface RateTime {
  days: Weekday[];
  from: string;
  to: string;
  price_per_kwh: number;
}

/** What energy costs, from a day on. */
export interface Rate {
  valid_from: string;
  price_per_kwh: number | null;
  co2_g_per_kwh: number | null;
  times: RateTime[];
}

export type Baseline =
  | { kind: 'wh_per_day'; wh_per_day: number }
  | { kind: 'installed'; installed_w: number; hours_per_day: number }
  | { kind: 'period'; from: string; to: string };

export interface EnergySettings {
  time_zone: string;
  currency: string;
  rates: Rate[];
  baseline: Baseline | null;
  monthly_budget_wh: number | null;
  occupancy_aggregated: boolean;
}

/** Whether Home Assistant may connect to a project, and what is entered there. */
export interface HomeAssistant {
  on: boolean;
  server: string;
  port: number;
  path: string;
  discovery_prefix: string;
}

/** Something that is, or was, wrong in a project. */
export interface Alert {
  id: string;
  network_id: string;
  rule: string;
  severity: 'info' | 'warning' | 'critical';
  raised_at: string;
  cleared_at: string | null;
  times: number;
  devices: number;
  wrong: number;
  acknowledged_at: string | null;
  acknowledged_by: { account_id: string; name: string } | null;
}

/** What came of a test of a webhook. */
export interface WebhookTrial {
  delivered: boolean;
  reason: string | null;
  /** Of its answer, when that was the reason. */
  status: number | null;
}

/** Something that happened to a device. */
export interface DeviceEvent {
  at: string;
  kind: string;
  position_name: string | null;
  /** What was wrong, of an alert that began or ended. */
  rule: string | null;
  severity: Severity | null;
  alert_id: string | null;
}

export type Severity = 'info' | 'warning' | 'critical';

/** From which severity on somebody gets letters. */
export type LetterWish = Severity | 'none';

/** When something is an alert. */
export interface AlertRule {
  rule: string;
  on: boolean;
  severity: Severity;
  delay_s: number;
  hold_s: number;
  /** In the unit of the rule, which is empty where it has none. */
  limit: number;
  slack: number;
  unit: string;
}

export interface AlertSettings {
  rules: AlertRule[];
  quiet_hours: {
    on: boolean;
    from: string;
    to: string;
    time_zone: string;
    critical_passes: boolean;
  };
}

/** A program elsewhere that is told of alerts. */
export interface Webhook {
  id: string;
  url: string;
  least_severity: Severity;
  created_at: string;
  /** Since when it takes nothing; null while it does. */
  failing_since: string | null;
}

/** With its secret, which is shown once. */
export interface MadeWebhook extends Webhook {
  secret: string;
}

/** An alert with its devices, and what people wrote about it. */
export interface AlertDetail extends Alert {
  members: { eui64: string; since: string; cleared_at: string | null; value: number }[];
  notes: { author: { account_id: string; name: string }; at: string; text: string }[];
}

/** A page of alerts, and how many are open. */
export interface AlertPage {
  items: Alert[];
  next_cursor?: string;
  open: number;
}

/** An entry of the security log. People and things are "kind:identifier". */
export interface LogEntry {
  number: number;
  at: string;
  who: string;
  origin: string;
  action: string;
  target: string;
  detail: string;
  result: 'done' | 'refused';
  digest: string;
}

/** A token of a program that acts for who made it, in one project. */
export interface ApiToken {
  id: string;
  name: string;
  /** How its text begins. */
  prefix: string;
  project_id: string;
  actions: Action[];
  created_at: string;
  expires_at: string;
  last_used_at: string | null;
}

/** With its text, which is told once. */
export interface MadeApiToken extends ApiToken {
  token: string;
}

/** An app of somebody else that an owner registered for their project. */
export interface RegisteredApp {
  id: string;
  name: string;
  redirect_uris: string[];
  /** The most that it may ask for. */
  actions: Action[];
  confidential: boolean;
  registered_by: string;
  created_at: string;
}

/** With its secret, which is told once, when it keeps one. */
export interface MadeApp extends RegisteredApp {
  client_secret?: string;
}

/** An app that who is signed in has let in. */
export interface LetIn {
  id: string;
  /** What it is called; empty when it is gone. */
  app: string;
  project_id: string;
  actions: Action[];
  created_at: string;
  used_at: string;
  expires_at: string;
}

/** What acts for a member of a project. */
export interface Program {
  id: string;
  kind: 'token' | 'app';
  account_id: string;
  prefix: string;
  app: string;
  actions: Action[];
  created_at: string;
  expires_at: string;
  last_used_at: string | null;
}

/** What an app asks for that sent the browser here. */
export interface Authorization {
  app: {
    id: string;
    name: string;
    registered_by: string;
    registered_at: string;
    returns_to: string;
  };
  project: { id: string; name: string };
  asked: Action[];
  /** What of it who is signed in may do, and so can let it do. */
  offered: Action[];
  /** Why there is nothing to ask: for the maker of the app. */
  fault: { code: string; text: string } | null;
}

export interface Page<T> {
  items: T[];
  next_cursor?: string | null;
}
