import type { Driver } from './driver.ts';
import type { Random } from './random.ts';
import type { Site } from './site.ts';

export interface Scene {
  site: Site;
  driver: Driver;
  random: Random;
}

export interface FaultKind {
  name: string;
  /** How often, in a full run. */
  amount: number;
  /** Others are inflicted meanwhile. */
  background?: true;
  /** Inflicts it once, and resolves when it is over. False if it did not come about. */
  inflict(scene: Scene): Promise<boolean>;
}
