import { useEffect, useRef, useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';

/** Rows rendered above and below what is seen, so that neither scrolling nor the Tab key meets an end that is none. */
const OVERSCAN = 8;

interface VirtualListProps {
  label: string;
  count: number;
  /** True if there is more than `count`, not loaded yet. */
  open: boolean;
  rowHeight: number;
  row: (index: number) => ComponentChildren;
  /** The last rows are in sight. */
  onEnd: () => void;
}

/** A list of any length within the page's own scrolling, of which only the rows in sight are in the document. */
export function VirtualList({ label, count, open, rowHeight, row, onEnd }: VirtualListProps) {
  const list = useRef<HTMLUListElement>(null);
  const [range, setRange] = useState({ first: 0, last: 40 });
  useEffect(() => {
    const look = () => {
      const top = list.current?.getBoundingClientRect().top ?? 0;
      const first = Math.max(0, Math.floor(-top / rowHeight) - OVERSCAN);
      const last = Math.ceil((innerHeight - top) / rowHeight) + OVERSCAN;
      setRange((before) => (before.first === first && before.last === last ? before : { first, last }));
    };
    look();
    addEventListener('scroll', look, { passive: true });
    addEventListener('resize', look);
    return () => {
      removeEventListener('scroll', look);
      removeEventListener('resize', look);
    };
  }, [rowHeight, count]);
  useEffect(() => {
    if (open && range.last >= count) onEnd();
  }, [open, range.last, count]);
  const last = Math.min(count, range.last);
  const shown = Array.from({ length: Math.max(0, last - range.first) }, (_, index) => range.first + index);
  return (
    <ul ref={list} class="virtual" aria-label={label} style={{ height: `${count * rowHeight}px` }}>
      {shown.map((index) => (
        <li
          key={index}
          style={{ transform: `translateY(${index * rowHeight}px)`, height: `${rowHeight}px` }}
          aria-setsize={open ? -1 : count}
          aria-posinset={index + 1}
        >
          {row(index)}
        </li>
      ))}
    </ul>
  );
}
