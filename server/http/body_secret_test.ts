import { assert, assertEquals, assertThrows } from "@std/assert";
import * as v from "valibot";
import { FabricError } from "../../mod/error.ts";
import { jsonBody } from "./body.ts";
import { problemOf } from "./problem.ts";

const SCHEMA = v.looseObject({ name: v.string(), password: v.pipe(v.string(), v.maxLength(20)) });

Deno.test("no error about a secret body repeats anything of it", () => {
  const spec = jsonBody("A sign-in", SCHEMA, { secret: true });
  for (
    const body of [
      '{"name": "anna", "password": hunter2hunter2}',
      '{"name": "anna", "password": "hunter2hunter2',
      '"hunter2hunter2"',
      "hunter2hunter2",
      '{"name": "anna", "password": ["hunter2hunter2"]}',
      '{"name": "anna", "password": {"hunter2hunter2": 1}}',
      '{"name": "anna", "passwort": "hunter2hunter2"}',
      `{"name": "anna", "password": "${"hunter2hunter2".repeat(20)}"}`,
    ]
  ) {
    const error = assertThrows(() => spec.parse(body, "application/json"), FabricError);
    const { body: problem } = problemOf(error, { path: "/", requestId: "x" });
    const told = JSON.stringify([problem, error.message, error.details]);
    assert(!told.includes("hunter2h"), `${body}: ${told}`);
  }
  const plain = jsonBody("A thing", SCHEMA);
  const error = assertThrows(
    () => plain.parse('{"name": "a", "passwort": "x"}', "application/json"),
    FabricError,
  );
  assertEquals(error.remedy, "did you mean password");
});
