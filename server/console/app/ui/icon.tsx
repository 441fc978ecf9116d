/** The console's icons: lines of one weight on 16 by 16. @module */

import type { VNode } from "preact";

const PATHS = {
  networks: "M8 2v4M4 10V8h8v2M2.5 10h3v3.5h-3zM10.5 10h3v3.5h-3zM6.5 2.5h3v3h-3z",
  fixed: "M5.5 2.5h5M6.5 2.5v4L4 9.5h8L9.5 6.5v-4M8 9.5v4.5",
  nodes: "M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.01M5 11h.01",
  findings: "M8 2.5 14 13H2zM8 6.5v3M8 11.2h.01",
  audit: "M4 2.5h8v11H4zM6 5.5h4M6 8h4M6 10.5h2.5",
  access: "M10.5 2.5a3 3 0 1 1-2.8 4L3 11.2V13.5h2.5V12H7v-1.5l1.5-1.5",
  search: "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM10.5 10.5 14 14",
  plus: "M8 3v10M3 8h10",
  close: "M4 4l8 8M12 4l-8 8",
  down: "M4 6.5 8 10.5 12 6.5",
  right: "M6.5 4 10.5 8 6.5 12",
  left: "M9.5 4 5.5 8 9.5 12",
  edit: "M3 13l.7-2.8L11 3l2 2-7.2 7.3zM9.5 4.5l2 2",
  trash: "M3 4.5h10M6 4.5V3h4v1.5M4.5 4.5l.6 9h5.8l.6-9M7 7v4M9 7v4",
  download: "M8 2.5v7.5M5 7.5 8 10.5 11 7.5M3 13h10",
  light:
    "M8 5.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5zM8 1.5v1.5M8 13v1.5M1.5 8H3M13 8h1.5M3.4 3.4l1 1M11.6 11.6l1 1M3.4 12.6l1-1M11.6 4.4l1-1",
  dark: "M13 9.5A5.5 5.5 0 0 1 6.5 3a5.5 5.5 0 1 0 6.5 6.5z",
  auto: "M2.5 3h11v7.5h-11zM6 13.5h4M8 10.5v3",
  language:
    "M2.5 4h7M6 2.5V4M8 4c-.6 2.5-2.3 4.5-5 5.500M4 6c.8 1.5 2 2.6 3.5 3.300M8 13.500l2.8-7 2.8 7M9 11.300h3.6",
  user:
    "M8 2.5a2.7 2.7 0 1 1 0 5.4 2.7 2.7 0 0 1 0-5.400zM2.8 13.500c.6-2.4 2.7-3.6 5.2-3.600s4.6 1.2 5.2 3.6",
  out: "M6.5 3H3v10h3.500M7 8h6.500M11 5.5 13.5 8 11 10.5",
  copy: "M5.5 5.500h7v8h-7zM3.5 10.500v-8h7",
  warn: "M8 2.5 14 13H2zM8 6.500v3M8 11.200h.01",
  ok: "M3 8.5 6.5 12 13 4.5",
  undo: "M6 3 3 6l3 3M3 6h6.500a3.5 3.5 0 0 1 0 7H7",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  tree: "M3 3h4M5 3v9.500M5 7.500h3M5 12.500h3M9.5 6h4v3h-4zM9.5 11h4v3h-4z",
  list: "M3 4h10M3 8h10M3 12h10",
  grid: "M3 3h4v4H3zM9 3h4v4H9zM3 9h4v4H3zM9 9h4v4H9z",
} as const;

export type IconName = keyof typeof PATHS;

/** An icon; what it means is said by the text beside it, or by the label of its button. */
export function Icon({ name }: { readonly name: IconName }): VNode {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** How an address stands: by shape as well as by colour. */
export const MARKS = [
  "free",
  "used",
  "fixed",
  "waiting",
  "reserved",
  "cooling",
  "conflict",
  "gateway",
  "excluded",
  "unlisted",
  "special",
  "outside",
] as const;
export type Mark = typeof MARKS[number];

/** The glyph of a state. */
export function Glyph({ mark }: { readonly mark: Mark }): VNode {
  return (
    <svg class={`glyph m-${mark}`} viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
      {shape(mark)}
    </svg>
  );
}

function shape(mark: Mark): VNode {
  switch (mark) {
    case "free":
      return <circle cx="6" cy="6" r="1.5" />;
    case "used":
      return <rect x="1.5" y="1.5" width="9" height="9" rx="1" />;
    case "fixed":
      return <path d="M6 .5 11.5 6 6 11.5.5 6z" />;
    case "waiting":
      return <path class="hollow" d="M6 1.5 10.5 6 6 10.5 1.5 6z" />;
    case "reserved":
      return <path class="hollow" d="M1.5 1.500h9v9h-9zM1.5 4.500h9M1.5 7.500h9" />;
    case "cooling":
      return (
        <g>
          <circle class="hollow" cx="6" cy="6" r="4.5" />
          <path d="M6 6V1.500A4.5 4.5 0 0 1 10.5 6z" />
        </g>
      );
    case "conflict":
      return (
        <path
          d="M6 .5 11.8 11H.2zM5.4 4.200h1.200v3.200H5.400zM5.4 8.300h1.200v1.200H5.400z"
          fill-rule="evenodd"
        />
      );
    case "gateway":
      return <path class="hollow" d="M1 6h10M8 3l3 3-3 3M4 3 1 6l3 3" />;
    case "excluded":
      return <path class="hollow" d="M2.5 2.5l7 7M9.5 2.5l-7 7" />;
    case "unlisted":
      return <circle class="hollow" cx="6" cy="6" r="2" />;
    case "special":
    case "outside":
      return <path class="hollow" d="M3 9 9 3" />;
  }
}
