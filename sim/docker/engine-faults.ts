/** What goes wrong with a simulated engine. */
export interface EngineFaults {
  /** How the engine answers calls. `refused`: nobody listens; `nothing`: it accepts and never answers. */
  answers: 'well' | 'refused' | 'nothing' | 'garbage' | 'error';
  /** The share of events that are lost, 0–1. */
  eventLoss: number;
  /** The share of events that are told twice, 0–1. */
  eventRepeat: number;
  /** The most that an event comes later than the others: they overtake one another. */
  eventJitterMs: number;
  /** How long events travel. */
  eventDelayMs: number;
  /** How long after the answer a subscription takes effect; what happens in between is not announced. */
  subscribeDelayMs: number;
  /** How long a list or a document travels; it shows the state of the moment it was asked for. */
  listDelayMs: number;
  inspectDelayMs: number;
}

/** An engine that works. */
export const NO_FAULTS: Readonly<EngineFaults> = {
  answers: 'well',
  eventLoss: 0,
  eventRepeat: 0,
  eventJitterMs: 0,
  eventDelayMs: 0,
  subscribeDelayMs: 0,
  listDelayMs: 0,
  inspectDelayMs: 0,
};
