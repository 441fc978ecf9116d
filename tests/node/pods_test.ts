import { POD_DAMAGES, POD_NETWORKS } from "./damage_pods.ts";
import { nodeScenarios } from "./scenario.ts";

Deno.test("damage of pods", nodeScenarios(POD_DAMAGES, { objects: POD_NETWORKS }));
