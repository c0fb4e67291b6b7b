// Alarms in the order in which a person should look at them, and what a filter lets through.

import type { AlarmRow } from "../lib/types";

const RANK: Record<string, number> = { critical: 0, warning: 1, note: 2 };

/** What the center may say of an alarm's acknowledgement; absent where it does not. */
export interface Acknowledged {
  acked_by?: string;
  acked_ms?: number;
  acked_note?: string;
}

/** The gravest first; of equals, those nobody has acknowledged, then the latest. */
export function bySeverity<Row extends AlarmRow & Acknowledged>(alarms: readonly Row[]): Row[] {
  const rank = (alarm: Row): number => RANK[alarm.severity] ?? 3;
  return [...alarms].sort(
    (a, b) =>
      rank(a) - rank(b) ||
      Number(Boolean(a.acked_by)) - Number(Boolean(b.acked_by)) ||
      b.since_ms - a.since_ms ||
      a.id.localeCompare(b.id),
  );
}

/** Alarms of some severities that hold every word of a text.
 *
 * @param severities those wanted; none: all.
 */
export function matching<Row extends AlarmRow>(
  alarms: readonly Row[],
  severities: ReadonlySet<string>,
  text: string,
): Row[] {
  const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
  return alarms.filter((alarm) => {
    if (severities.size && !severities.has(alarm.severity)) return false;
    const whole = `${alarm.id} ${alarm.subject} ${alarm.text} ${alarm.advice}`.toLowerCase();
    return wanted.every((word) => whole.includes(word));
  });
}
