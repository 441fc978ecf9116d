/**
 * The section `server` of the configuration: what only `fabric-ctl serve` needs to know. Flags of
 * the command override it.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../mod/error.ts";
import { didYouMean } from "../mod/nearest.ts";
import { BindingSchema } from "./auth/bindings.ts";
import { isLoopback } from "./loopback.ts";
import { type Role, ROLES } from "./auth/principal.ts";

const Path = v.pipe(
  v.string("it is not text"),
  v.regex(/^\/[^\0\n]*$/, "it is not an absolute path"),
);
const Text = v.pipe(v.string("it is not text"), v.minLength(1, "it is empty"));

const TlsSchema = v.strictObject({
  certFile: Path,
  keyFile: Path,
  /** Authorities of client certificates; without it none is asked for. */
  clientCaFile: v.optional(Path),
}, "it is not a mapping");

const Whole = (min: number, max: number) =>
  v.pipe(
    v.number("it is not a number"),
    v.integer("it is not a whole number"),
    v.minValue(min, `it is under ${min}`),
    v.maxValue(max, `it is over ${max}`),
  );

const OidcSchema = v.strictObject({
  /** What the console's button says. */
  name: v.optional(Text, "Single sign-on"),
  issuer: v.pipe(
    Text,
    v.url("it is no URL"),
    v.check(
      (url) => url.startsWith("https:") || isLoopback(new URL(url).hostname),
      "it is not https",
    ),
  ),
  clientId: Text,
  clientSecretFile: v.optional(Path),
  /** `https://console.bank/auth/oidc/callback`. */
  redirectUri: v.pipe(
    Text,
    v.url("it is no URL"),
    v.endsWith("/auth/oidc/callback", "it does not end in /auth/oidc/callback"),
  ),
  userClaim: v.optional(Text, "email"),
  groupsClaim: v.optional(Text, "groups"),
  scopes: v.optional(Text, "openid email profile"),
  caFile: v.optional(Path),
}, "it is not a mapping");

const KubernetesSchema = v.strictObject({
  /** Of a service account that may create TokenReviews. */
  kubeconfig: Path,
  audiences: v.optional(v.array(Text, "it is not a list"), []),
}, "it is not a mapping");

/** The section. */
export const ServerSchema = v.strictObject({
  /** `HOST:PORT`, `[IPV6]:PORT`. */
  listen: v.optional(Text, "127.0.0.1:8080"),
  tls: v.optional(TlsSchema),
  /** Whoever connects by loopback has this role; refused for any other address. */
  anonymous: v.optional(v.picklist(ROLES, `it is none of ${ROLES.join(", ")}`)),
  /** Roles of those whom a certificate, a provider or a cluster vouches for. */
  access: v.optional(v.array(BindingSchema, "it is not a list"), []),
  oidc: v.optional(OidcSchema),
  kubernetes: v.optional(KubernetesSchema),
  session: v.optional(
    v.strictObject({
      idleMinutes: v.optional(Whole(1, 1440), 30),
      absoluteHours: v.optional(Whole(1, 720), 12),
    }, "it is not a mapping"),
    {},
  ),
  rate: v.optional(
    v.strictObject({
      perSecond: v.optional(Whole(1, 100_000), 200),
      burst: v.optional(Whole(1, 100_000), 400),
    }, "it is not a mapping"),
    {},
  ),
  audit: v.optional(
    v.strictObject({
      maxAgeDays: v.optional(Whole(1, 36_500)),
      maxEntries: v.optional(Whole(100, 100_000_000), 1_000_000),
    }, "it is not a mapping"),
    {},
  ),
}, "it is not a mapping");

/** Settings of the server. */
export interface ServerSettings
  extends Omit<v.InferOutput<typeof ServerSchema>, "listen" | "tls" | "anonymous"> {
  readonly hostname: string;
  readonly port: number;
  readonly tls: v.InferOutput<typeof TlsSchema> | undefined;
  readonly anonymous: Role | undefined;
}

/** What flags say. */
export interface ServerFlags {
  readonly listen?: string | undefined;
  readonly anonymous?: string | undefined;
  readonly tlsCertFile?: string | undefined;
  readonly tlsKeyFile?: string | undefined;
  readonly clientCaFile?: string | undefined;
}

/**
 * The settings of the section and the flags.
 *
 * @throws {FabricError} `invalid`.
 */
export function parseSettings(section: unknown, flags: ServerFlags): ServerSettings {
  const given = typeof section === "object" && section !== null ? { ...section } : {};
  const overridden: Record<string, unknown> = { ...given };
  if (flags.listen !== undefined) overridden["listen"] = flags.listen;
  if (flags.anonymous !== undefined) overridden["anonymous"] = flags.anonymous;
  const tls = {
    ...(flags.tlsCertFile === undefined ? {} : { certFile: flags.tlsCertFile }),
    ...(flags.tlsKeyFile === undefined ? {} : { keyFile: flags.tlsKeyFile }),
    ...(flags.clientCaFile === undefined ? {} : { clientCaFile: flags.clientCaFile }),
  };
  if (Object.keys(tls).length > 0) {
    const before = overridden["tls"];
    overridden["tls"] = { ...(typeof before === "object" ? before : {}), ...tls };
  }
  const parsed = v.safeParse(ServerSchema, overridden, { abortEarly: true });
  if (!parsed.success) throw sectionFault(parsed.issues[0]);
  const { listen, anonymous, tls: material, ...rest } = parsed.output;
  const { hostname, port } = parseListen(listen);
  const settings = { ...rest, hostname, port, tls: material, anonymous };
  checkExposure(settings);
  return settings;
}

function sectionFault(issue: v.BaseIssue<unknown>): FabricError {
  const path = v.getDotPath(issue);
  const field = path === null ? "server" : `server.${path}`;
  const unknown = issue.type === "strict_object" && issue.expected === "never";
  const name = path?.split(".").at(-1) ?? "";
  return new FabricError(
    "invalid",
    unknown
      ? `Field ${field} of the configuration is not known`
      : `Cannot use ${field}: ${issue.message}`,
    {
      field,
      remedy: unknown
        ? didYouMean(name, Object.keys(ServerSchema.entries), "leave it out")
        : "correct it in the section server of the configuration",
    },
  );
}

function parseListen(listen: string): { readonly hostname: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(listen);
  const port = Number(match?.[3] ?? NaN);
  const hostname = match?.[1] ?? match?.[2];
  if (hostname !== undefined && port <= 65_535) return { hostname, port };
  throw new FabricError("invalid", `Cannot listen at "${listen}"`, {
    field: "server.listen",
    value: listen,
    remedy: "write it like 127.0.0.1:8080, [::1]:8080 or 0.0.0.0:8443",
  });
}

function checkExposure(
  { hostname, tls, anonymous }: Pick<ServerSettings, "hostname" | "tls" | "anonymous">,
): void {
  if (isLoopback(hostname)) return;
  if (tls === undefined) {
    throw new FabricError(
      "invalid",
      `Off loopback (${hostname}) the server listens only with TLS`,
      {
        field: "server.tls",
        value: hostname,
        remedy: "set server.tls.certFile and keyFile, or listen at 127.0.0.1",
      },
    );
  }
  if (anonymous !== undefined) {
    throw new FabricError("invalid", `Off loopback (${hostname}) nobody is let in unknown`, {
      field: "server.anonymous",
      value: anonymous,
      remedy: "leave server.anonymous out",
    });
  }
}
