export { LiveClient, type Options, type Socket, type State, type Status } from "./client.ts";
export { type Effect, Machine } from "./machine.ts";
export { type Frame, keyOf, type Mode, type Period, type Refusal, type Row, type Silence, type Snapshot, type Topic, type Value } from "./topics.ts";
