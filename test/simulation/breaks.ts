/** Rules of the market that can be switched off, to see that the simulation notices. */
export const BREAKS = {
  'epoch guard': 'what is said of an old epoch is taken for the present one',
  'task lock': 'a settlement decides on the task as it was when the deliveries were read',
  'report once': 'a second report overwrites the first',
  'seen names what was read': 'a settlement marks everything as seen, also what was written since it read',
  'lease recovery': 'nobody looks for leases and awards that have run out',
  'synthesis recovery': 'nobody begins a synthesis again',
  'openings come back': 'an opening that was taken for a pass stays hidden if the pass dies',
  'ids of jobs': 'an unclaimed award is not dispatched again and a flushed queue forgets it',
  'failed jobs are forgotten': 'a job that failed blocks its id, as it does for as long as BullMQ keeps it',
  'submission key': 'a repeated submission is a new task',
  'fold lock': 'a fold applies entries that another has folded meanwhile',
  'told once': 'a change of reputation is told by everybody who has read that it is untold',
  'order of the feed': 'a watcher is given what was read, whatever it has been given before',
  'net of the feed': 'a watcher reads only when a hint comes',
} as const;

export type Break = keyof typeof BREAKS;
