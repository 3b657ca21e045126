// What is shown of the members of a project. Pure.

import { byName } from './format';
import { strings } from './strings';
import type { Member, Role } from './types';

/** The roles, from the most to the least powerful. */
export const roles: readonly Role[] = ['owner', 'expert', 'user', 'viewer'];

/** What a member may do, as it is stored and as it is being changed. */
export interface Rights {
  role: Role;
  groups: readonly string[];
}

/** What to call a member: somebody whose account is gone has no name. */
export function memberName(member: Member): string {
  return member.name || member.email || strings.members.nameless;
}

/** Members in the order of what they may do, and of their names. */
export function ordered(members: readonly Member[]): Member[] {
  return members.toSorted(
    (a, b) => roles.indexOf(a.role) - roles.indexOf(b.role) || byName(memberName(a), memberName(b)),
  );
}

/** Rights as the server takes them: groups are granted to users alone. */
export function granted({ role, groups }: Rights): { role: Role; groups: string[] } {
  return { role, groups: role === 'user' ? [...groups] : [] };
}

/** Reports whether two rights are the same. */
export function sameRights(a: Rights, b: Rights): boolean {
  const [one, other] = [granted(a), granted(b)];
  return one.role === other.role && sameSet(one.groups, other.groups);
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  const set = new Set(a);
  return set.size === new Set(b).size && b.every((id) => set.has(id));
}
