import { useState } from 'preact/hooks';
import type { Page, PageOptions, SwarmbidClient } from '../../sdk/index.ts';
import { useResource } from './use-resource.ts';

const PAGE = 50;

type ReadPage<Item> = (api: SwarmbidClient, page: PageOptions) => Promise<Page<Item>>;

/** A list read page after page; a reload reads as many pages as were shown. */
export function usePages<Item>(read: ReadPage<Item>) {
  const [pages, setPages] = useState(1);
  const list = useResource(
    async (api, signal) => {
      const items: Item[] = [];
      let cursor: string | undefined;
      for (let page = 0; page < pages; page += 1) {
        const answer = await read(api, { limit: PAGE, cursor, signal });
        items.push(...answer.items);
        cursor = answer.nextCursor ?? undefined;
        if (cursor === undefined) break;
      }
      return { items, more: cursor !== undefined };
    },
    [pages],
  );
  return {
    items: list.value?.items,
    more: list.value?.more === true,
    error: list.error,
    reload: list.reload,
    loadMore: () => {
      setPages(pages + 1);
    },
  };
}
