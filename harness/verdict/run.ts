/** A stored run, put in order once: what every rule of the verdict looks at. */
import type { RunEvent, SeriesPoint, Stored } from '../facts/events.js';
import type { Plan } from '../facts/plan.js';
import { type SubjectHistory, subjectHistory } from './restarts.js';
import { type Columns, columnsOf } from './samples.js';
import { type Timeline, timelineOf } from './timeline.js';

export interface Run {
  readonly plan: Plan;
  readonly events: readonly Stored<RunEvent>[];
  readonly columns: Columns;
  readonly timeline: Timeline;
  readonly history: SubjectHistory;
  /** Seconds of the measured phase. */
  readonly measured: number;
  /** Whether that is the planned duration, within tolerance. */
  readonly isWhole: boolean;
  /** Share of the planned duration that was measured, 1 when all of it (within tolerance). */
  readonly share: number;
}

/** A phase this much shorter than planned is as long as planned: both ends are stamped on arrival. */
const DURATION_TOLERANCE_SECONDS = 1;
const DURATION_TOLERANCE_SHARE = 0.1;

export function asRun(plan: Plan, events: readonly Stored<RunEvent>[], series: readonly SeriesPoint[]): Run {
  const timeline = timelineOf(events, series);
  const measured = timeline.measure ? timeline.measure.to - timeline.measure.from : 0;
  const tolerance = Math.min(DURATION_TOLERANCE_SECONDS, DURATION_TOLERANCE_SHARE * plan.durationSeconds);
  const isWhole = measured >= plan.durationSeconds - tolerance;
  const share = isWhole ? 1 : measured / plan.durationSeconds;
  return { plan, events, columns: columnsOf(series), timeline, history: subjectHistory(events), measured, isWhole, share };
}
