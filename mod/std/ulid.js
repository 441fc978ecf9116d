// @ts-self-types="./ulid.d.ts"
export * from "npm:deno-std@1.4.0/ulid/mod.js";
