import { POD_DAMAGES, POD_NETWORKS } from "./damage_pods.ts";
import { testNodeScenarios } from "./scenario.ts";

testNodeScenarios("damage of pods", POD_DAMAGES, { objects: POD_NETWORKS });
