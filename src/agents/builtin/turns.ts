import { setImmediate as nextTurn } from 'node:timers/promises';

export { nextTurn };

const ITEMS_A_TURN = 500;

/** `items.map(work)`, with a turn of the event loop for others after every 500 items. */
export async function mapInTurns<Item, Value>(items: readonly Item[], work: (item: Item) => Value): Promise<Value[]> {
  const values: Value[] = [];
  for (const item of items) {
    if (values.length > 0 && values.length % ITEMS_A_TURN === 0) await nextTurn();
    values.push(work(item));
  }
  return values;
}
