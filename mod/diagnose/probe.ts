/**
 * Asking others from where the pod is: `ping`, then ARP or neighbour discovery, then TCP. A probe is
 * what the pod itself might send. Its entry in the pod's table of neighbours is taken back, unless
 * it stood there before; what it leaves on the wire is what any packet leaves.
 *
 * @module
 */

import { isKind } from "../error.ts";
import { type Argv, formatCommand, type Run, stderrOf } from "../host/run.ts";
import type { Family } from "../ip/address.ts";

/** Where a probe starts. */
export interface Origin {
  /** The pod's namespace. */
  readonly netns: string;
  readonly ifname: string;
  /** The pod's address, without prefix length: it chooses the route of this interface. */
  readonly source: string;
  readonly family: Family;
}

export interface PingOptions {
  readonly target: string;
  /** The next hop: the target itself where it is on the link. */
  readonly hop: string;
}

/** What was heard. */
export interface Heard {
  /** The target answered a ping; milliseconds of the first answer. */
  readonly pingMs: number | undefined;
  /** MACs that answered ARP or neighbour discovery; only asked for where ping did not do. */
  readonly macs: readonly string[];
  /** Who said why the packet went no further: `10.100.0.1: Destination Host Unreachable`. */
  readonly refusals: readonly { readonly from: string; readonly says: string }[];
  /** The program that had the last word: `ping`, `arping`, `ndisc6`, or the kernel's `neighbours`. */
  readonly by: string;
  /** The commands that ask the same by hand. */
  readonly proof: string;
  /** Set where it could not be asked. */
  readonly failure?: string;
}

/** $1 family, $2 source, $3 target, $4 interface, $5 next hop */
const SCRIPT = `known=$(ip -$1 neigh show to "$5" dev "$4")
case $3 in fe80:*) to=$3%$4;; *) to=$3;; esac
echo =ping
ping -$1 -n -c 2 -i 0.3 -W 1 -I "$2" "$to" 2>&1
code=$?
echo "=code $code"
if [ $code = 1 ] && [ "$3" = "$5" ]; then
  if [ "$1" = 4 ] && arping -V 2>/dev/null | grep -q iputils; then
    echo =arping
    arping -c 2 -w 2 -I "$4" -s "$2" "$3" 2>&1
  elif [ "$1" = 6 ] && command -v ndisc6 >/dev/null; then
    echo =ndisc6
    ndisc6 -m -n -r 2 -w 1000 "$3" "$4" 2>&1
  else
    echo =neighbours
    i=0
    until [ $i = 9 ]; do
      state=$(ip -$1 neigh show to "$3" dev "$4")
      case $state in *FAILED* | *REACHABLE* | '') break ;; esac
      sleep 1
      i=$((i + 1))
    done
    case $known in *REACHABLE*) echo trusted ;; esac
    echo "$state"
  fi
fi
[ -n "$known" ] || ip -$1 neigh del "$5" dev "$4" 2>/dev/null
exit 0`;

const PING_TIMEOUT_MS = 15_000;

/** Asks one address. Never throws for what others do or do not say. */
export async function ping(run: Run, origin: Origin, options: PingOptions): Promise<Heard> {
  const { netns, ifname, source, family } = origin;
  const args = [String(family), source, options.target, ifname, options.hop];
  try {
    const { stdout } = await run(inside(netns, ["sh", "-c", SCRIPT, "sh", ...args]), {
      timeoutMs: PING_TIMEOUT_MS,
      env: { LC_ALL: "C" },
    });
    return parsePing(stdout, { origin, target: options.target });
  } catch (error) {
    if (!isKind(error, "host")) throw error;
    const proof = pingCommand(origin, options.target);
    return { pingMs: undefined, macs: [], refusals: [], by: "ping", proof, failure: error.message };
  }
}

function inside(netns: string, argv: Argv): Argv {
  return ["nsenter", `--net=${netns}`, "--", ...argv];
}

function pingCommand({ netns, source, ifname }: Origin, target: string): string {
  const to = target.startsWith("fe80:") ? `${target}%${ifname}` : target;
  return formatCommand(inside(netns, ["ping", "-c3", "-I", source, to]));
}

/** What the script printed, as data. */
export function parsePing(
  text: string,
  asked: { readonly origin: Origin; readonly target: string },
): Heard {
  const { origin, target } = asked;
  const code = Number(/^=code (\d+)$/m.exec(text)?.[1] ?? 2);
  const pingText = text.slice(0, text.indexOf("=code "));
  const time = / time[=<]([0-9.]+) ms/.exec(pingText)?.[1];
  const refusals = [...pingText.matchAll(/^From (\S+?):? icmp_seq=\d+ (.*)$/gm)]
    .map(([, from = "", says = ""]) => ({ from: from.replace(/%.*$/, ""), says }));
  const unique = refusals.filter((one, i) =>
    refusals.findIndex(({ from, says }) => from === one.from && says === one.says) === i
  );
  const by = /^=(arping|ndisc6|neighbours)$/m.exec(text)?.[1] ?? "ping";
  const rest = text.slice(text.indexOf("=code "));
  const trusted = by === "neighbours" && /^trusted$/m.test(rest);
  const macs = by === "neighbours" && (trusted || !/REACHABLE/.test(rest)) ? [] : macsIn(rest);
  const { netns, ifname, source } = origin;
  const proof = by === "arping"
    ? formatCommand(inside(netns, ["arping", "-c3", "-I", ifname, "-s", source, target]))
    : by === "ndisc6"
    ? formatCommand(inside(netns, ["ndisc6", "-m", target, ifname]))
    : pingCommand(origin, target);
  const failed = code > 1 || time === undefined && code === 0;
  const failure = failed
    ? pingText.replace("=ping\n", "").trim().split("\n").at(-1) ?? `ping ended with ${code}`
    : trusted
    ? "neither arping nor ndisc6 is installed, and the kernel trusts an older answer"
    : undefined;
  return {
    pingMs: time === undefined ? undefined : Number(time),
    macs,
    refusals: unique,
    by,
    proof,
    ...(failure === undefined ? {} : { failure }),
  };
}

function macsIn(text: string): readonly string[] {
  const found = [...text.matchAll(/\b([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5})\b/g)]
    .map(([, mac = ""]) => mac.toLowerCase());
  return [...new Set(found)];
}

/** True where somebody answered, by whatever. */
export function answers({ pingMs, macs }: Heard): boolean {
  return pingMs !== undefined || macs.length > 0;
}

/** The machines that answer ARP for an address. */
export interface Claim {
  readonly macs: readonly string[];
  readonly proof: string;
}

/**
 * Asks who has an IPv4 address. The pod's own is asked for as RFC 5227 does, which disturbs nobody;
 * the pod itself does not answer. Undefined where it cannot be asked (no `arping` of iputils).
 */
export async function askClaims(
  run: Run,
  origin: Origin,
  target: string,
): Promise<Claim | undefined> {
  const { netns, ifname, source } = origin;
  // So many answers are waited for, for as long as it may take: a second machine may be slower.
  const how = target === source ? ["-D", "-c", "2"] : ["-b", "-s", source, "-c", "9"];
  const argv: Argv = ["arping", ...how, "-w", "2", "-I", ifname, target];
  const script = 'arping -V 2>/dev/null | grep -q iputils || exit 9; "$@"; true';
  try {
    const { stdout } = await run(inside(netns, ["sh", "-c", script, "sh", ...argv]), {
      env: { LC_ALL: "C" },
    });
    return { macs: macsIn(stdout), proof: formatCommand(inside(netns, argv)) };
  } catch (error) {
    if (stderrOf(error) === undefined) throw error;
    return undefined;
  }
}

/** The command that shows the rules that somebody made inside a pod. */
export function rulesCommand(netns: string): string {
  return formatCommand(inside(netns, ["nft", "list", "ruleset"]));
}

/** True where there are firewall rules inside the pod's namespace; false without `nft`. */
export async function hasOwnRules(run: Run, netns: string): Promise<boolean> {
  const script = "nft list ruleset 2>/dev/null | grep -q ' hook ' && echo rules; true";
  return (await run(inside(netns, ["sh", "-c", script]))).stdout.includes("rules");
}

/** How a TCP port answers: who refuses is there, who keeps silent may be filtered. */
export type TcpAnswer = "open" | "refused" | "unreachable" | "silent" | "unknown";

export interface TcpHeard {
  readonly answer: TcpAnswer;
  readonly proof: string;
  /** What was said, in one line. */
  readonly says: string;
}

const TCP_SECONDS = 4;

/** Connects from the pod's namespace and hangs up; nothing is sent. */
export async function connectTcp(
  run: Run,
  origin: Origin,
  target: { readonly address: string; readonly port: number },
): Promise<TcpHeard> {
  const { address, port } = target;
  // bash connects by itself, so a node needs no further program.
  const connect = `exec 3<>/dev/tcp/${address}/${port}`;
  const argv = inside(origin.netns, ["timeout", String(TCP_SECONDS), "bash", "-c", connect]);
  const proof = formatCommand(argv);
  try {
    await run(argv, { timeoutMs: (TCP_SECONDS + 2) * 1000, env: { LC_ALL: "C" } });
    return { answer: "open", proof, says: "connected" };
  } catch (error) {
    if (!isKind(error, "host")) throw error;
    const stderr = stderrOf(error) ?? "";
    const says = stderr.split("; ")[0]?.replace(/^bash: (line \d+: )?/, "") ?? "";
    if (error.details["exitCode"] === 124) {
      return { answer: "silent", proof, says: `no answer in ${TCP_SECONDS} s` };
    }
    if (/refused/.test(stderr)) return { answer: "refused", proof, says };
    if (/No route to host|unreachable|prohibited/i.test(stderr)) {
      return { answer: "unreachable", proof, says };
    }
    if (/timed out/.test(stderr)) return { answer: "silent", proof, says };
    return { answer: "unknown", proof, says: says === "" ? error.message : says };
  }
}
