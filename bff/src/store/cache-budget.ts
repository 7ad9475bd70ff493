// Memory of the session caches of a process, shared by its applications: beyond the bound, the largest cache evicts its
// oldest entries, so that a busy application does not empty the caches of the others.

/** `characters` of all records; one or two bytes each. */
const MAX = { entries: 20_000, characters: 64 * 1024 * 1024 };

type Member = {
  entries: number;
  characters: number;
  /** @returns false if there is none */
  evictOldest: () => boolean;
};

export type CacheShare = {
  add(characters: number): void;
  remove(characters: number): void;
  /** Returns the share, once the cache is closed. */
  leave(): void;
};

export type CacheBudget = { join(evictOldest: () => boolean): CacheShare };

export function createCacheBudget(max: Readonly<typeof MAX> = MAX): CacheBudget {
  const members = new Set<Member>();
  const total = { entries: 0, characters: 0 };
  const count = (member: Member, entries: number, characters: number): void => {
    for (const counter of [member, total]) {
      counter.entries += entries;
      counter.characters += characters;
    }
  };
  const isOver = (): boolean => total.entries > max.entries || total.characters > max.characters;
  const largest = (): Member | undefined => {
    let found: Member | undefined;
    for (const member of members) if (found === undefined || member.characters > found.characters) found = member;
    return found;
  };
  return {
    join(evictOldest) {
      const member = { entries: 0, characters: 0, evictOldest };
      members.add(member);
      return {
        add(characters) {
          count(member, 1, characters);
          while (isOver()) if (largest()?.evictOldest() !== true) return;
        },
        remove: (characters) => count(member, -1, -characters),
        leave() {
          count(member, -member.entries, -member.characters);
          members.delete(member);
        },
      };
    },
  };
}
