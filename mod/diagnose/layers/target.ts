/**
 * Layer `target`: whom the pod wants to reach.
 *
 * @module
 */

import type { Evidence, Verdict } from "../layer.ts";
import { answers, type Heard, type TcpHeard } from "../probe.ts";
import { list } from "../words.ts";
import { evidenceOf } from "./segment.ts";

export interface TargetFacts {
  readonly address: string;
  readonly port: number | undefined;
  /** `pod web/db on node host2`; undefined: nobody that the store knows. */
  readonly who: string | undefined;
  /** Behind which gateway; undefined: on the link. */
  readonly gateway: string | undefined;
  readonly heard: Heard;
  /** Only where a port was asked for. */
  readonly tcp: TcpHeard | undefined;
  /** What is wrong with it, where it is a pod of this node. */
  readonly local?: string | undefined;
  /** Where to look on, where it is a pod of another node. */
  readonly next?: string | undefined;
}

/** Judges it. */
export function judgeTarget(facts: TargetFacts): Verdict {
  const { address, port, who, heard, tcp, local, next } = facts;
  const name = who === undefined ? address : `${address} (${who})`;
  const evidence: Evidence[] = [
    evidenceOf({ address, who: who ?? "", heard }),
    ...(tcp === undefined ? [] : [{ source: `TCP ${address} port ${port}`, says: tcp.says }]),
  ];
  const proof = tcp?.proof ?? heard.proof;
  if (tcp?.answer === "open") {
    return { status: "ok", says: `${name} takes TCP connections to port ${port}`, proof, evidence };
  }
  if (tcp === undefined && heard.pingMs !== undefined) {
    return { status: "ok", says: `${name} answers in ${heard.pingMs} ms`, proof, evidence };
  }
  if (local !== undefined) {
    return { status: "broken", says: `${name} does not answer: ${local}`, proof, evidence };
  }
  const more = next === undefined ? {} : { remedy: next };
  const broken = (says: string, remedy: string): Verdict => ({
    status: "broken",
    says,
    evidence,
    proof,
    remedy,
    ...more,
  });
  if (tcp?.answer === "refused") {
    return broken(
      `${name} refuses TCP connections to port ${port}: nothing listens there, or a firewall ` +
        "refuses them",
      "see on the target that the program listens on this address and port",
    );
  }
  if (heard.failure !== undefined && (tcp === undefined || tcp.answer === "unknown")) {
    return { status: "unknown", says: `cannot ask ${name}: ${heard.failure}`, proof, evidence };
  }
  const filtered = heard.refusals.find(({ says }) => /filtered|prohibited/i.test(says));
  if (filtered !== undefined || tcp?.answer === "unreachable" && answers(heard)) {
    return broken(
      `a firewall refuses packets for ${name}${
        filtered === undefined ? "" : `, says ${filtered.from}`
      }`,
      "see the rules of the target's firewall, and of those on the way",
    );
  }
  if (answers(heard)) {
    return broken(
      tcp === undefined
        ? `${name} is there (it answers ${heard.by}), but no ping: its firewall drops it`
        : `${name} is there (it answers ${heard.pingMs === undefined ? heard.by : "ping"}), but ` +
          `TCP to port ${port} is dropped: a firewall keeps silent`,
      tcp === undefined
        ? "ask for a TCP port: --to ADDRESS:PORT, since many firewalls drop ping alone"
        : "see the rules of the target's firewall, and of those on the way",
    );
  }
  return silent(facts, { name, broken });
}

/** Nothing at all was heard from it. */
function silent(
  { gateway, heard, port }: TargetFacts,
  { name, broken }: {
    readonly name: string;
    readonly broken: (says: string, remedy: string) => Verdict;
  },
): Verdict {
  if (gateway === undefined) {
    return broken(
      `${name} does not answer, not even ${
        heard.by === "ping" ? "ARP or neighbour discovery" : heard.by
      }: it is down, or not in this VLAN`,
      "see that the target is up, and in the same VLAN",
    );
  }
  const refusal = heard.refusals.find(({ says }) => /unreachable/i.test(says));
  if (refusal !== undefined) {
    return broken(
      `${name} is not reached: ${refusal.from} says ${refusal.says}`,
      "the target is down, or its router does not know the way",
    );
  }
  return broken(
    `${name} does not answer from behind the gateway ${gateway}, which does: it is down, its ` +
      `firewall drops ${port === undefined ? "ping" : "everything"}, or it does not find the ` +
      "way back",
    list([
      ...(port === undefined ? ["ask for a TCP port: --to ADDRESS:PORT"] : []),
      "see with traceroute how far packets get",
    ]),
  );
}
