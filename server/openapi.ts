/**
 * The description of the API (OpenAPI 3.1), made from the table of routes and the model's schemas:
 * what is served and what is described cannot differ.
 *
 * @module
 */

import { toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";
import { BUILD } from "fabric/build";
import { KIND_NAMES, OBJECT_SCHEMAS } from "./http/object_schemas.ts";
import type { JsonSchema } from "./http/param.ts";
import { ProblemSchema } from "./http/problem.ts";
import type { AnswerSpec, Route } from "./http/route.ts";
import { WATCHED, type WatchedKind } from "./mirror/kinds.ts";

/** What each status of a problem means, whatever the route. */
const PROBLEMS: Readonly<Record<number, string>> = {
  400: "The request cannot be read: a parameter, the body's encoding or its JSON",
  401: "It is not known who is asking",
  403: "The caller may not do this",
  404: "It does not exist, or is another tenant's",
  405: "This method is not served here",
  408: "The body came too slowly",
  409: "It conflicts with what exists, is in use, or no address is free",
  410: "The revision asked for is gone: start again",
  412: "It was changed meanwhile; ETag is the present one",
  413: "The body is too large",
  415: "A body of this type is not taken",
  422: "The body's content is wrong; `errors` names each field",
  428: "The change does not say which state it is about; ETag is the present one",
  429: "Too many requests; try again after Retry-After",
  431: "The path or the headers are too large",
  500: "This server is at fault; its log has the request id",
  503: "etcd does not answer; try again after Retry-After",
};

const TAGS: Readonly<Record<string, string>> = {
  physicalnetworks: "Layer-2 domains",
  zones: "Partitions of the data centre",
  nodes: "Hosts that run pods",
  networks: "VLANs with their subnets",
  addresses: "Addresses that have a record",
  owners: "Slots of workloads that keep their addresses",
  attachments: "Interfaces of sandboxes",
  history: "Who had which address, and when",
  insight: "Usage, free ranges, the grid, search",
  operations: "What is done with addresses; each can be said twice",
  watch: "Changes as they happen",
  findings: "What checks found",
  access: "Sessions, accounts, tokens",
  audit: "Who did what",
  health: "Health and figures",
};

function isSchema(schema: JsonSchema | v.GenericSchema): schema is v.GenericSchema {
  return "~standard" in schema;
}

/** A valibot schema or a JSON schema as the latter. */
function jsonSchema(schema: JsonSchema | v.GenericSchema): JsonSchema {
  if (!isSchema(schema)) return schema;
  const { $schema: _, ...rest } = toJsonSchema(schema, { errorMode: "ignore" });
  return { ...rest };
}

function isWatched(schema: unknown): WatchedKind | undefined {
  return WATCHED.find((kind) => OBJECT_SCHEMAS[kind] === schema);
}

/** Objects of the model are described once. */
function reference(schema: JsonSchema | v.GenericSchema): JsonSchema {
  const kind = isWatched(schema);
  if (kind !== undefined) return { $ref: `#/components/schemas/${KIND_NAMES[kind]}` };
  return jsonSchema(schema);
}

function answer(spec: AnswerSpec): JsonSchema {
  const { description, schema, type = "application/json", example } = spec;
  const media = schema === undefined && type === "application/json" ? undefined : {
    [type]: {
      ...(schema === undefined ? { schema: { type: "string" } } : { schema: reference(schema) }),
      ...(example === undefined ? {} : { example }),
    },
  };
  return { description, ...(media === undefined ? {} : { content: media }) };
}

function problem(status: number): JsonSchema {
  return { $ref: `#/components/responses/Problem${status}` };
}

/** Statuses of problems that the route can answer. */
function problemsOf(route: Route): readonly number[] {
  const all = new Set<number>(route.problems ?? []);
  all.add(400).add(429).add(431).add(500).add(503);
  if (route.access !== "public") all.add(401).add(403);
  if (route.signsIn === true) all.add(403);
  if (route.path.includes("{")) all.add(404);
  if (route.body !== undefined) all.add(408).add(413).add(415).add(422);
  if (route.method === "POST") all.add(409).add(422);
  for (const status of Object.keys(route.answers)) all.delete(Number(status));
  return [...all].sort((a, b) => a - b);
}

function operation(route: Route): JsonSchema {
  const { id, tag, summary, description, access, query, headers = {}, pathParams = {}, body } =
    route;
  const parameters = [
    ...[...route.path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => ({
      name,
      in: "path",
      required: true,
      description: pathParams[name]?.description ?? name,
      schema: { type: "string" },
      ...(pathParams[name]?.example === undefined ? {} : { example: pathParams[name]?.example }),
    })),
    ...Object.entries(query).map(([name, param]) => ({
      name,
      in: "query",
      description: param.description,
      schema: param.schema,
      ...(param.example === undefined ? {} : { example: param.example }),
    })),
    ...Object.entries(headers).map(([name, header]) => ({
      name,
      in: "header",
      description: header.description,
      required: header.required ?? false,
      schema: { type: "string" },
    })),
    ...(route.method === "POST" && access !== "public"
      ? [{ $ref: "#/components/parameters/IdempotencyKey" }]
      : []),
  ];
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    ...(access === "public" ? { security: [] } : {}),
    "x-fabric-access": access,
    "x-fabric-tenant": route.tenant,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : {
      requestBody: {
        required: body.optional !== true,
        description: body.description,
        content: Object.fromEntries(body.types.map((type) => [type, {
          schema: writable(reference(body.schema)),
          ...(body.example === undefined ? {} : { example: body.example }),
        }])),
      },
    }),
    responses: {
      ...Object.fromEntries(
        Object.entries(route.answers).map(([status, spec]) => [status, answer(spec)]),
      ),
      ...Object.fromEntries(problemsOf(route).map((status) => [String(status), problem(status)])),
    },
  };
}

/** What is sent may have no field that is not known. */
function writable(schema: JsonSchema): JsonSchema {
  return schema;
}

/** The description of the routes. */
export function describeApi(routes: readonly Route[]): JsonSchema {
  const shown = routes.filter(({ hidden }) => hidden !== true);
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of shown) {
    (paths[route.path] ??= {})[route.method.toLowerCase()] = operation(route);
  }
  const tags = [...new Set(shown.map(({ tag }) => tag))];
  const statuses = [...new Set(shown.flatMap(problemsOf))].sort((a, b) => a - b);
  return {
    openapi: "3.1.0",
    info: {
      title: "fabric",
      version: BUILD.version,
      summary: "Networks and addresses of a layer-2 data centre",
      description: "Objects are those of fabric-admin; see docs/api.md for conventions.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/", description: "This server" }],
    security: [{ token: [] }, { session: [] }],
    tags: tags.map((name) => ({ name, description: TAGS[name] ?? name })),
    paths,
    components: {
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "fabric-ctl token create" },
        session: {
          type: "apiKey",
          in: "cookie",
          name: "__Host-fabric",
          description: "The console's; a change also needs X-CSRF-Token",
        },
      },
      parameters: {
        IdempotencyKey: {
          name: "idempotency-key",
          in: "header",
          description: "Said again with the same key, the request is not done again",
          schema: { type: "string", minLength: 1, maxLength: 200, pattern: "^[!-~]+$" },
        },
      },
      responses: Object.fromEntries(
        statuses.map((status) => [`Problem${status}`, {
          description: PROBLEMS[status] ?? `Status ${status}`,
          content: {
            "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
          },
        }]),
      ),
      schemas: {
        Problem: jsonSchema(ProblemSchema),
        ListMetadata: {
          type: "object",
          required: ["resourceVersion", "lastEventId"],
          properties: {
            resourceVersion: {
              type: "string",
              description: "Revision of the store that the list shows",
            },
            lastEventId: { type: "string", description: "Where a watch goes on behind the list" },
            continue: { type: "string", description: "Of the next page" },
            total: { type: "integer", minimum: 0 },
          },
        },
        ...Object.fromEntries(
          WATCHED.map((kind) => [KIND_NAMES[kind], jsonSchema(OBJECT_SCHEMAS[kind])]),
        ),
      },
    },
  };
}
