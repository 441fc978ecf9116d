import { PORT_DAMAGES } from "./damage_ports.ts";
import { nodeScenarios } from "./scenario.ts";

Deno.test("damage of ports", nodeScenarios(PORT_DAMAGES));
