/** 256 addresses at a glance: sixteen by sixteen, each state with its glyph and its colour. @module */

import type { VNode } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { formatAddress, parseAddress } from "../../../../mod/ip/address.ts";
import type { Cell, Grid } from "../api/queries.ts";
import { t } from "../i18n.ts";
import { narrow } from "../preferences.ts";
import { setQuery } from "../router.tsx";
import { Button, holderName } from "../ui/bits.tsx";
import { Glyph, type Mark, MARKS } from "../ui/icon.tsx";

/** A place of the grid. */
export interface Selected {
  readonly address: string;
  readonly mark: Mark;
  readonly cell: Cell | undefined;
}

interface GridProps {
  readonly grid: Grid;
  readonly selected: string | undefined;
  readonly onHover: (selected: Selected | undefined) => void;
  readonly onSelect: (address: string) => void;
}

const COLUMNS = Array.from({ length: 16 }, (_, column) => column);

/** The places of the block, first address first. */
export function placesOf(grid: Grid): readonly Selected[] {
  const [base = ""] = grid.block.split("/");
  const first = parseAddress(base);
  return grid.states.map((mark, offset) => ({
    address: formatAddress({ family: first.family, value: first.value + BigInt(offset) }),
    mark,
    cell: grid.cells[String(offset)],
  }));
}

export function AddressGrid({ grid, selected, onHover, onSelect }: GridProps): VNode {
  const places = useMemo(() => placesOf(grid), [grid]);
  const [only, setOnly] = useState<Mark>();
  const chosen = places.findIndex(({ address }) => address === selected);
  const [focus, setFocus] = useState(0);
  const at = chosen >= 0 ? chosen : focus;
  const table = useRef<HTMLDivElement>(null);

  const move = (event: KeyboardEvent): void => {
    const next = STEPS[event.key]?.(at);
    if (next === undefined || next < 0 || next > 255) return;
    event.preventDefault();
    setFocus(next);
    if (chosen >= 0) onSelect(places[next]?.address ?? "");
    table.current?.querySelector<HTMLElement>(`[data-at="${next}"]`)?.focus();
  };
  return (
    <section class="grid-box" aria-label={t("addresses.gridOf", { block: grid.block })}>
      <div class="grid-head">
        <Button
          icon="left"
          look="quiet"
          label={t("addresses.previous")}
          disabled={grid.previous === undefined}
          onClick={() => setQuery({ at: grid.previous, sel: undefined })}
        />
        <strong class="mono">{grid.block}</strong>
        <Button
          icon="right"
          look="quiet"
          label={t("addresses.next")}
          disabled={grid.next === undefined}
          onClick={() => setQuery({ at: grid.next, sel: undefined })}
        />
        <Legend grid={grid} only={only} onOnly={setOnly} />
      </div>
      <div
        class={only === undefined ? "grid" : "grid filtered"}
        role="grid"
        aria-label={grid.block}
        aria-rowcount={16}
        aria-colcount={16}
        ref={table}
        onKeyDown={move}
        onMouseLeave={() => onHover(undefined)}
      >
        {narrow.value ? null : <GridScale />}
        {COLUMNS.map((row) => (
          <div role="row" class="grid-row" key={row}>
            <span class="scale" role="rowheader">
              {grid.block.includes(":") ? `${row.toString(16)}0` : `.${row * 16}`}
            </span>
            {COLUMNS.map((column) => {
              const index = row * 16 + column;
              const one = places[index];
              return one === undefined ? null : (
                <GridCell
                  key={column}
                  index={index}
                  place={one}
                  on={index === chosen}
                  dim={only !== undefined && only !== one.mark}
                  tab={index === at}
                  onHover={onHover}
                  onSelect={onSelect}
                />
              );
            })}
          </div>
        ))}
      </div>
    </section>
  );
}

function GridScale(): VNode {
  return (
    <div class="grid-row scale-row" aria-hidden="true">
      <span class="scale" />
      {COLUMNS.map((column) => <span key={column} class="scale">+{column}</span>)}
    </div>
  );
}

const STEPS: Readonly<Record<string, (at: number) => number>> = {
  ArrowLeft: (at) => at - 1,
  ArrowRight: (at) => at + 1,
  ArrowUp: (at) => at - 16,
  ArrowDown: (at) => at + 16,
  Home: (at) => at - at % 16,
  End: (at) => at - at % 16 + 15,
  PageUp: () => 0,
  PageDown: () => 255,
};

function GridCell(
  props: {
    readonly index: number;
    readonly place: Selected;
    readonly on: boolean;
    readonly dim: boolean;
    readonly tab: boolean;
    readonly onHover: (selected: Selected) => void;
    readonly onSelect: (address: string) => void;
  },
): VNode {
  const { index, place, on, dim } = props;
  const { address, mark, cell } = place;
  // What changes under the eye flashes once.
  const before = useRef(`${address} ${mark}`);
  const now = `${address} ${mark}`;
  const changed = before.current !== now && before.current.startsWith(`${address} `);
  useEffect(() => {
    before.current = now;
  });
  const who = whoIn(cell);
  const words = [address, t(`state.${mark}`), who].filter((word) => word !== "").join(", ");
  const octet = address.includes(":") ? address.slice(address.lastIndexOf(":") + 1) : index;
  return (
    <div role="gridcell" aria-selected={on}>
      <button
        type="button"
        data-at={index}
        class={`place m-${mark}${on ? " on" : ""}${dim ? " dim" : ""}${changed ? " flash" : ""}`}
        aria-label={words}
        title={words}
        tabIndex={props.tab ? 0 : -1}
        onClick={() => props.onSelect(address)}
        onMouseEnter={() => props.onHover(place)}
        onFocus={() => props.onHover(place)}
      >
        <Glyph mark={mark} />
        <span aria-hidden="true">{octet}</span>
      </button>
    </div>
  );
}

/** Who has it, in a few words. */
export function whoIn(cell: Cell | undefined): string {
  if (cell?.holder !== undefined) return holderName(cell.holder);
  if (cell?.owner !== undefined) return `${cell.owner.namespace}/${cell.owner.name}`;
  return cell?.reason ?? "";
}

/** What the glyphs mean, how many there are, and a filter at the same time. */
function Legend(
  { grid, only, onOnly }: {
    readonly grid: Grid;
    readonly only: Mark | undefined;
    readonly onOnly: (mark: Mark | undefined) => void;
  },
): VNode {
  return (
    <div class="legend" role="group" aria-label={t("addresses.legend")}>
      {MARKS.filter((mark) => (grid.counts[mark] ?? 0) > 0).map((mark) => (
        <button
          key={mark}
          type="button"
          class={`m-${mark}`}
          aria-pressed={only === mark}
          title={t(`about.${mark}`)}
          onClick={() => onOnly(only === mark ? undefined : mark)}
        >
          <Glyph mark={mark} />
          {t(`state.${mark}`)}
          <span class="count">{grid.counts[mark] ?? 0}</span>
        </button>
      ))}
    </div>
  );
}
