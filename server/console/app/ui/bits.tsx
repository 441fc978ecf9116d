/** Small parts that stand everywhere: buttons, links, times, bars. @module */

import type { ComponentChildren, VNode } from "preact";
import { formatAgo, formatCount, formatShare, formatTime, formatUtc } from "../format.ts";
import { t } from "../i18n.ts";
import { pathOf } from "../router.tsx";
import type { Holder, OwnerRef } from "../api/objects.ts";
import { Glyph, Icon, type IconName, type Mark } from "./icon.tsx";

interface ButtonProps {
  readonly onClick?: (event: MouseEvent) => void;
  readonly icon?: IconName;
  readonly look?: "main" | "plain" | "quiet" | "danger";
  readonly busy?: boolean;
  readonly disabled?: boolean;
  readonly type?: "button" | "submit";
  /** For an icon without text. */
  readonly label?: string;
  readonly pressed?: boolean;
  readonly children?: ComponentChildren;
}

/** A button; without text its label is told on hover and to a reader. */
export function Button(props: ButtonProps): VNode {
  const { look = "plain", icon, label, children, busy = false } = props;
  const bare = children === undefined;
  return (
    <button
      type={props.type ?? "button"}
      class={`button ${look}${bare ? " bare" : ""}`}
      onClick={props.onClick}
      disabled={props.disabled === true || busy}
      aria-label={label}
      title={label}
      aria-busy={busy ? "true" : undefined}
      aria-pressed={props.pressed}
    >
      {icon === undefined ? null : <Icon name={icon} />}
      {bare ? null : <span>{children}</span>}
    </button>
  );
}

/** A link that looks like a button. */
export function ButtonLink(
  props: {
    readonly to: string;
    readonly icon?: IconName;
    readonly look?: "main" | "plain" | "quiet";
    readonly children: ComponentChildren;
  },
): VNode {
  return (
    <a class={`button ${props.look ?? "plain"}`} href={props.to}>
      {props.icon === undefined ? null : <Icon name={props.icon} />}
      <span>{props.children}</span>
    </a>
  );
}

/** An IP address as a link to its life. */
export function Ip(
  { address, network }: { readonly address: string; readonly network?: string | undefined },
): VNode {
  const query = network === undefined ? "" : `?network=${encodeURIComponent(network)}`;
  return (
    <a class="mono" href={`${pathOf("addresses", address)}${query}`} title={address}>{address}</a>
  );
}

/** Anything that search finds: a MAC, a pod, a workload. */
export function Find(
  { what, children }: { readonly what: string; readonly children?: string },
): VNode {
  return (
    <a class="mono" href={`/search?q=${encodeURIComponent(what)}`} title={what}>
      {children ?? what}
    </a>
  );
}

export function NetworkLink({ name }: { readonly name: string }): VNode {
  return <a href={pathOf("networks", name)}>{name}</a>;
}

export function NodeLink(
  { cluster, node }: { readonly cluster: string; readonly node: string },
): VNode {
  return <a href={pathOf("nodes", cluster, node)}>{node}</a>;
}

/** The pod of a holder, else its container. */
export function HolderLink({ holder }: { readonly holder: Holder }): VNode {
  const name = holderName(holder);
  return <Find what={name} />;
}

/** `namespace/name`, else the container's id as runtimes shorten it. */
export function holderName({ pod, containerId }: Holder): string {
  return pod === undefined ? containerId.slice(0, 12) : `${pod.namespace}/${pod.name}`;
}

/** `StatefulSet trade/orders`. */
export function workloadName({ kind, namespace, name }: OwnerRef): string {
  return `${kind} ${namespace === "" ? name : `${namespace}/${name}`}`;
}

export function WorkloadLink({ owner }: { readonly owner: OwnerRef }): VNode {
  const what = owner.namespace === "" ? owner.name : `${owner.namespace}/${owner.name}`;
  return (
    <span>
      <span class="faint kind-word">{owner.kind}</span> <Find what={what} />
    </span>
  );
}

/** A time as people say it; exact in the browser's zone and in UTC on hover. */
export function Time({ at }: { readonly at: string | number | undefined }): VNode {
  if (at === undefined) return <span class="faint">–</span>;
  return (
    <time dateTime={new Date(at).toISOString()} title={`${formatTime(at)}\n${formatUtc(at)}`}>
      {formatAgo(at)}
    </time>
  );
}

/** A time to the second, in UTC on hover. */
export function ExactTime({ at }: { readonly at: string | number }): VNode {
  return <time class="mono" title={formatUtc(at)}>{formatTime(at)}</time>;
}

/** How full something is: a bar and a number. */
export function Bar(
  { share, cooling = 0, label }: {
    readonly share: number;
    /** Part of the whole that comes back by itself. */
    readonly cooling?: number;
    readonly label: string;
  },
): VNode {
  const level = share >= 0.95 ? "bad" : share >= 0.8 ? "warn" : "good";
  const width = share > 0 ? Math.max(share * 100, 1.5) : 0;
  return (
    <span class={`bar ${level}`} role="img" aria-label={`${label}: ${formatShare(share)}`}>
      <span class="track">
        <span class="fill" style={{ width: `${Math.min(width, 100)}%` }} />
        <span class="rest" style={{ width: `${Math.min(cooling * 100, 100)}%` }} />
      </span>
      <span class="number" aria-hidden="true">{formatShare(share)}</span>
    </span>
  );
}

/** A count, right-aligned where it stands in a column. */
export function Count({ value }: { readonly value: number | bigint }): VNode {
  return <span class="number">{formatCount(value)}</span>;
}

/** A line of what was, without axes: its shape is what counts. */
export function Spark(
  { values, label, width = 90, height = 20 }: {
    readonly values: readonly number[];
    readonly label: string;
    readonly width?: number;
    readonly height?: number;
  },
): VNode {
  if (values.length < 2) return <span class="faint">–</span>;
  const top = Math.max(...values);
  const low = Math.min(...values);
  const span = Math.max(top - low, 1);
  const points = values.map((value, index) => {
    const x = (index / (values.length - 1)) * (width - 2) + 1;
    const y = height - 2 - ((value - low) / span) * (height - 4);
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  return (
    <svg class="spark" width={width} height={height} role="img" aria-label={label}>
      <title>{label}</title>
      <polyline points={points.join(" ")} />
    </svg>
  );
}

/** The state of an address: glyph and word. */
export function StateMark({ mark }: { readonly mark: Mark }): VNode {
  return (
    <span class={`state m-${mark}`}>
      <Glyph mark={mark} />
      <span>{t(`state.${mark}`)}</span>
    </span>
  );
}

/** A word in a box: a VLAN, a role. */
export function Tag(
  { children, look = "plain" }: {
    readonly children: ComponentChildren;
    readonly look?: "plain" | "good" | "warn" | "bad" | "accent";
  },
): VNode {
  return <span class={`tag ${look}`}>{children}</span>;
}

/** Names with their values, two columns. */
export function Facts(
  { rows }: {
    readonly rows: readonly (readonly [name: string, value: ComponentChildren] | undefined)[];
  },
): VNode {
  return (
    <dl class="facts">
      {rows.flatMap((row) =>
        row === undefined ? [] : [
          <div key={row[0]}>
            <dt>{row[0]}</dt>
            <dd>{row[1]}</dd>
          </div>,
        ]
      )}
    </dl>
  );
}

/** A choice of a few views: one is on. */
export function Segments<T extends string>(
  props: {
    readonly label: string;
    readonly value: T;
    readonly options: readonly (readonly [value: T, text: string, icon?: IconName])[];
    readonly onChange: (value: T) => void;
  },
): VNode {
  return (
    <div class="segments" role="group" aria-label={props.label}>
      {props.options.map(([value, text, icon]) => (
        <button
          key={value}
          type="button"
          aria-pressed={value === props.value}
          onClick={() => props.onChange(value)}
        >
          {icon === undefined ? null : <Icon name={icon} />}
          {text}
        </button>
      ))}
    </div>
  );
}

/** A field that filters what is below it. */
export function FilterBox(
  props: {
    readonly value: string;
    readonly label: string;
    readonly onInput: (value: string) => void;
  },
): VNode {
  return (
    <span class="filter">
      <Icon name="search" />
      <input
        type="search"
        value={props.value}
        placeholder={props.label}
        aria-label={props.label}
        onInput={(event) => props.onInput(event.currentTarget.value)}
        spellcheck={false}
      />
    </span>
  );
}
