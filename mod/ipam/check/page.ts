/**
 * `docs/check.md`, written from the tables of kinds.
 *
 * @module
 */

import type { Kind } from "./finding.ts";
import { AREAS } from "./kinds.ts";

const HEAD = `# check and repair

\`fabric-admin check\` finds every disagreement in what fabric keeps, and changes nothing. It needs no
lock and may run while pods come and go: everything is read as it was at one revision of etcd, and
what seems wrong is read again, with all that it refers to, before it counts as a finding.

\`fabric-admin repair\` makes a plan of the same findings, shows it, and applies it after \`--yes\` or a
confirmation at the terminal. Each step is one transaction that does nothing where the store is not
any more as check saw it. The steps go from what others lean on to what leans on it, so a repair that
is killed at any point leaves nothing worse, and can be run again. Before each step the undo file gets
a line on disk with what was there before: \`fabric-admin repair --undo FILE\` takes the steps back,
last one first, where nobody changed the keys since.

No address is taken from something that may live. An attachment that is recorded on a node is alive
until a DEL or GC said otherwise, or the same host (machine id) has a new boot id, or an administrator
fenced the node. Where a repair would have to decide between two that may both live, it says what a
person has to do.

| exit status of \`check\` | |
|---|---|
| 0 | no damage |
| 3 | damage was found |
| 4 | etcd cannot be reached, or the user may not read |

| severity | |
|---|---|
| error | pods suffer, or may the next time |
| warning | somebody is misled, or something is lost to the store |
| notice | untidy, nobody suffers |

A code is for ever: it is never given to another kind. Ask with \`-o json\` for scripts; \`object\`,
\`evidence\` (keys with their revisions) and \`plan\` say the same as the text.
`;

const FOOT = `
This page is written from the tables in \`mod/ipam/check/kinds/\` by
\`deno run --allow-write=docs scripts/check_page.ts\`; a test holds that they agree.
`;

function kindText({ code, severity, title, meaning, consequence, remedy }: Kind): string {
  return `**${code}** · ${severity} · **${title}**  \n${meaning}  \n` +
    `*Consequence:* ${consequence}  \n*Repair:* ${remedy}\n`;
}

/** The whole page. */
export function checkPage(): string {
  const areas = AREAS.map(({ letter, title, kinds }) =>
    `\n## ${letter}: ${title}\n\n${kinds.map(kindText).join("\n")}`
  );
  return `${HEAD}${areas.join("")}${FOOT}`;
}
