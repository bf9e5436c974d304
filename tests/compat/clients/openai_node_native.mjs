// The official SDK for Node over the native WebSocket, which has no headers.
import { realtime } from "./documented.mjs";
import { converse } from "./stage_node.mjs";

converse(realtime);
