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

| what is checked | where | what it looks at |
|---|---|---|
| \`networks\`, \`addresses\` | anywhere | the store |
| \`node\` | on the node, as root | daemons, files, bridges, ports, devices, the way to Services, and \`pods\` |
| \`pods\` | on the node, as root | the attachments of the node, inside of their pods |
| \`wire\` | on the node, as root | who answers in the VLANs of the node's pods |
| \`all\` | anywhere | the store, and the node where it is one |

The check of a node needs no listener and takes no lock. An ADD writes to etcd first and then to the
host, a DEL the other way round, so a first look may see one half done: what seems wrong is looked at
again when no call for that interface is under way, and counts when neither its record nor the turn of
its calls has moved until the second look was over. The wire is asked from the pods' own ports, by a
device of the kernel (macvlan) in a namespace that ends with the question; the pods do not notice, and
no neighbour learns anything. A repair of an interface waits for its turn among the runtime's calls,
and changes rows of Open vSwitch only while they are as check saw them. What it changed on a node, the
undo file says in commands.

\`check node --report\` also stores what was found under \`findings/<cluster>/<node>\` (at most 100 findings,
the worst first), where the server lists it. The plugin's role in etcd may write there, since a node has
no other credentials; nothing is decided by it. As a timer:

\`\`\`
# /etc/systemd/system/fabric-check.service
[Service]
Type=oneshot
ExecStart=/opt/cni/bin/fabric-admin check node --report
SuccessExitStatus=3
# /etc/systemd/system/fabric-check.timer
[Timer]
OnBootSec=2min
OnUnitActiveSec=10min
RandomizedDelaySec=5min
[Install]
WantedBy=timers.target
\`\`\`

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
