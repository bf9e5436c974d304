// The official SDK for Node over `ws`. It dials wss: only.
import { realtime } from "./documented.mjs";
import { converse } from "./stage_node.mjs";

converse(realtime);
