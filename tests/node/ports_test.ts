import { PORT_DAMAGES } from "./damage_ports.ts";
import { testNodeScenarios } from "./scenario.ts";

testNodeScenarios("damage of ports", PORT_DAMAGES);
