// The official SDK's Azure class for Node. It adds /v1 to the address, and no resource.
import { realtime } from "./documented.mjs";
import { converse } from "./stage_node.mjs";

converse(realtime);
