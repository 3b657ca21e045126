// Doing one thing to many, some at a time. Pure but for what it is given to do.

/** How many requests of one screen are under way at a time. */
const atOnce = 6;

/**
 * Does something for each item, some at a time and in their order, until all are done or the
 * signal says stop. What one throws ends it: the others that are under way still end.
 */
export async function forEach<T>(
  items: readonly T[],
  act: (item: T) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let next = 0;
  let failed = false;
  const work = async () => {
    while (next < items.length && !signal.aborted && !failed) {
      const item = items[next++];
      try {
        if (item !== undefined) await act(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: atOnce }, work));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}
