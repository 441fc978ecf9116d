/**
 * A table that draws only the rows in sight, so that 65,000 are as quick as 20.
 *
 * @module
 */

import type { ComponentChildren, VNode } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { narrow, windowWidth } from "../preferences.ts";
import { t } from "../i18n.ts";

export interface Column<T> {
  readonly key: string;
  readonly title: string;
  /** Of a CSS grid: `120px`, `minmax(120px, 2fr)`. */
  readonly width: string;
  readonly align?: "end";
  /** Can be sorted by it. */
  readonly sortable?: boolean;
  /** Only in windows of so many pixels: what matters most is never pushed out of sight. */
  readonly from?: number;
  /** Also on a phone, with this width. */
  readonly phone?: string;
  readonly cell: (row: T) => ComponentChildren;
}

export interface Sort {
  readonly key: string;
  readonly descending: boolean;
}

interface TableProps<T> {
  readonly label: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly keyOf: (row: T) => string;
  readonly sort?: Sort | undefined;
  readonly onSort?: (sort: Sort) => void;
  readonly classOf?: (row: T) => string;
  /** Rows that fill the page's height; else the table is as high as its rows. */
  readonly fill?: boolean;
}

const ROW = 32;
const PHONE_ROW = 48;
/** Rows drawn above and below what is seen. */
const EXTRA = 12;

/** `-free`: by this column, descending. */
export function parseSort(text: string | null, fallback: Sort): Sort {
  if (text === null || text === "") return fallback;
  return text.startsWith("-")
    ? { key: text.slice(1), descending: true }
    : { key: text, descending: false };
}

/** The inverse of {@linkcode parseSort}. */
export function formatSort({ key, descending }: Sort): string {
  return descending ? `-${key}` : key;
}

export function Table<T>(props: TableProps<T>): VNode {
  const { rows, label, fill = true } = props;
  const phone = narrow.value;
  const columns = props.columns.filter(({ phone: own, from = 0 }) =>
    phone ? own !== undefined : windowWidth.value >= from
  );
  const height = phone ? PHONE_ROW : ROW;
  const box = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState({ first: 0, count: 40 });

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const look = (): void => {
      const first = Math.max(0, Math.floor(element.scrollTop / height) - EXTRA);
      const count = Math.ceil(element.clientHeight / height) + 2 * EXTRA;
      setSeen((before) =>
        before.first === first && before.count === count ? before : { first, count }
      );
    };
    look();
    element.addEventListener("scroll", look, { passive: true });
    const observer = new ResizeObserver(look);
    observer.observe(element);
    return () => {
      element.removeEventListener("scroll", look);
      observer.disconnect();
    };
  }, [height]);

  const first = Math.min(seen.first, Math.max(0, rows.length - 1));
  const shown = fill ? rows.slice(first, first + seen.count) : rows;
  const offset = fill ? first : 0;
  const template = columns.map((one) => phone ? one.phone : one.width).join(" ");
  return (
    <div
      class={fill ? "table fill" : "table"}
      ref={box}
      role="table"
      aria-label={label}
      aria-rowcount={rows.length + 1}
      tabIndex={0}
    >
      <div role="rowgroup" class="head">
        <div role="row" class="row" style={{ gridTemplateColumns: template }} aria-rowindex={1}>
          {columns.map((column) => <Head key={column.key} column={column} table={props} />)}
        </div>
      </div>
      <div role="rowgroup" class="body" style={{ height: `${rows.length * height}px` }}>
        {shown.map((row, index) => (
          <div
            key={props.keyOf(row)}
            role="row"
            aria-rowindex={offset + index + 2}
            class={`row ${props.classOf?.(row) ?? ""}`}
            style={{
              gridTemplateColumns: template,
              transform: `translateY(${(offset + index) * height}px)`,
            }}
          >
            {columns.map((column) => (
              <div key={column.key} role="cell" class={`cell ${column.align ?? ""}`}>
                {column.cell(row)}
              </div>
            ))}
          </div>
        ))}
      </div>
    </div>
  );
}

function Head<T>(
  { column, table }: { readonly column: Column<T>; readonly table: TableProps<T> },
): VNode {
  const { key, title, align = "", sortable = false } = column;
  const { sort, onSort } = table;
  const on = sort?.key === key;
  const order = on ? (sort.descending ? "descending" : "ascending") : "none";
  if (!sortable || onSort === undefined) {
    return <div role="columnheader" class={`cell ${align}`}>{title}</div>;
  }
  return (
    <div role="columnheader" class={`cell ${align}`} aria-sort={order}>
      <button
        type="button"
        class={on ? "sort on" : "sort"}
        title={t("table.sort", { column: title })}
        onClick={() => onSort({ key, descending: on ? !sort.descending : align === "end" })}
      >
        {title}
        <span aria-hidden="true">{on ? (sort.descending ? "↓" : "↑") : ""}</span>
      </button>
    </div>
  );
}
