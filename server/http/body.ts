/**
 * Reading bodies: their type, their size before and while they come, their encoding, their depth,
 * and their shape.
 *
 * @module
 */

import * as v from "valibot";
import type { FabricError } from "../../mod/error.ts";
import { type FieldError, invalidDocument } from "../../mod/model/field_error.ts";
import { walkShape } from "../../mod/model/validate_shape.ts";
import { didYouMean } from "../../mod/nearest.ts";
import { httpError } from "./http_error.ts";
import type { JsonSchema } from "./param.ts";

/** What a route takes. */
export interface BodySpec<T = unknown> {
  /** Media types, the usual one first. */
  readonly types: readonly string[];
  readonly maxBytes: number;
  readonly description: string;
  /** For the API's description. */
  readonly schema: JsonSchema | v.GenericSchema;
  readonly example?: unknown;
  /** True where no body at all is fine; `parse` gets "" then. */
  readonly optional?: boolean;
  /** @throws {FabricError} 400 or 422. */
  readonly parse: (text: string, type: string) => T;
}

/** A document of an administrator, and anything else that is small. */
export const MAX_JSON_BYTES = 256 * 1024;
/** No document of ours is deeper than 8. */
const MAX_DEPTH = 32;
/** How long a body may take to come. */
const BODY_MS = 20_000;

/** A JSON document that is checked elsewhere. */
export function documentBody(
  description: string,
  options: {
    readonly types?: readonly string[];
    readonly schema: JsonSchema | v.GenericSchema;
    readonly example?: unknown;
  },
): BodySpec<unknown> {
  return {
    types: options.types ?? ["application/json"],
    maxBytes: MAX_JSON_BYTES,
    description,
    schema: options.schema,
    ...(options.example === undefined ? {} : { example: options.example }),
    parse: (text) => parseJson(text),
  };
}

/** A JSON object of the schema, without a field that it does not know. */
export function jsonBody<T>(
  description: string,
  schema: v.GenericSchema<unknown, T>,
  options: {
    readonly example?: unknown;
    readonly optional?: boolean;
    /** It holds passwords or tokens: no error repeats anything of it. */
    readonly secret?: boolean;
  } = {},
): BodySpec<T> {
  const { secret = false, ...rest } = options;
  const tell = (faults: readonly FieldError[]): FabricError =>
    invalidDocument("The body", secret ? faults.map(withoutValue) : faults);
  return {
    types: ["application/json"],
    maxBytes: MAX_JSON_BYTES,
    description,
    schema,
    ...rest,
    parse(text) {
      const value = text === "" && options.optional === true ? {} : parseJson(text, { secret });
      const faults = walkShape(schema, value, { field: "", checks: {} });
      if (faults.length > 0) throw tell(faults);
      const parsed = v.safeParse(schema, value);
      if (parsed.success) return parsed.output;
      throw tell(
        parsed.issues.map((issue) => ({
          field: v.getDotPath(issue) ?? "",
          message: issue.message,
        })),
      );
    },
  };
}

/** A fault that says where, and nothing of what was there. */
function withoutValue({ value, message, ...fault }: FieldError): FieldError {
  const told = value === undefined || !message.includes(value.replace(/\.\.\.$/, ""));
  return { ...fault, message: told ? message : "its value cannot be used" };
}

/**
 * The body of a request, parsed.
 *
 * @throws {FabricError} 400, 408, 413, 415, 422.
 */
export async function readBody<T>(
  request: Request,
  spec: BodySpec<T>,
  onText: (text: string) => void = () => {},
): Promise<T> {
  const type = (request.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase() ??
    "";
  const length = request.headers.get("content-length");
  if (spec.optional === true && request.body === null) return spec.parse("", type);
  if (length !== null && Number(length) > spec.maxBytes) throw tooLarge(spec, Number(length));
  if (spec.optional === true && type === "" && length === "0") return spec.parse("", type);
  if (!spec.types.includes(type)) {
    throw httpError(
      415,
      type === ""
        ? "The body has no content-type"
        : `A body of type ${type.slice(0, 80)} is no use`,
      {
        field: "content-type",
        value: type.slice(0, 80),
        remedy: didYouMean(type.slice(0, 80), spec.types, `send ${spec.types.join(" or ")}`),
        headers: { "accept": spec.types.join(", ") },
      },
    );
  }
  const encoding = request.headers.get("content-encoding");
  if (encoding !== null && encoding !== "identity") {
    throw httpError(415, "A compressed body is not taken", {
      field: "content-encoding",
      value: encoding.slice(0, 80),
      remedy: "send it as it is",
    });
  }
  const text = decode(await readBytes(request, spec));
  onText(text);
  return spec.parse(text, type);
}

function tooLarge(spec: BodySpec, bytes: number): Error {
  return httpError(413, `The body has more than ${spec.maxBytes} octets`, {
    field: "content-length",
    value: String(bytes),
    remedy: `send at most ${spec.maxBytes} octets`,
    headers: { "connection": "close" },
  });
}

async function readBytes(request: Request, spec: BodySpec): Promise<Uint8Array> {
  if (request.body === null) return new Uint8Array();
  const reader = request.body.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  const timer = setTimeout(() => void reader.cancel("slow").catch(() => {}), BODY_MS);
  const started = performance.now();
  try {
    while (true) {
      const { done, value } = await reader.read();
      if (done) break;
      length += value.length;
      if (length > spec.maxBytes) {
        await reader.cancel("too large").catch(() => {});
        throw tooLarge(spec, length);
      }
      chunks.push(value);
    }
  } catch (error) {
    if (performance.now() - started < BODY_MS) throw error;
  } finally {
    clearTimeout(timer);
  }
  if (performance.now() - started >= BODY_MS) {
    throw httpError(408, `The body did not come within ${BODY_MS / 1000} s`, {
      headers: { "connection": "close" },
    });
  }
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw httpError(400, "The body is not UTF-8", { remedy: "send it as UTF-8" });
  }
}

/**
 * JSON of bounded depth.
 *
 * @throws {FabricError} 400, with the place.
 */
export function parseJson(
  text: string,
  { secret = false }: { readonly secret?: boolean } = {},
): unknown {
  checkDepth(text);
  try {
    return JSON.parse(text);
  } catch (cause) {
    // The runtime's words repeat what is around the place.
    const why = cause instanceof SyntaxError && !secret ? cause.message.split("\n")[0] ?? "" : "";
    throw httpError(400, text === "" ? "The body is empty" : "The body is not JSON", {
      ...(text === "" || why === "" ? {} : { remedy: why.slice(0, 200) }),
    });
  }
}

function checkDepth(text: string): void {
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (quoted) {
      if (code === 0x5c) i++;
      else if (code === 0x22) quoted = false;
    } else if (code === 0x22) quoted = true;
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > MAX_DEPTH) {
        throw httpError(400, `The body is deeper than ${MAX_DEPTH}`, {
          remedy: "send what the API describes",
        });
      }
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
}
