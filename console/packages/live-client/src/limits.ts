// Every limit of the client, and why it has its value.

/** Topics in one `subscribe`: the server takes 200, and 100 of them with filters are well under the 32 KB of a message. */
export const TOPICS_PER_MESSAGE = 100;

/** Bytes of the topics of one `subscribe`: a message may have 32 KB, and what stands around the topics is short. */
export const MESSAGE_BYTES = 24 * 1024;

/** A beat comes every 5 s. Two that are missing, and some time to spare, are no accident of the network's. */
export const STALE_MS = 12_000;

/** A connection on which nothing came for so long is given up: four beats and some time to spare. */
export const DEAD_MS = 22_000;

/** How long a handshake may take: a cold function and its authorizer take 3 s at most. */
export const HANDSHAKE_MS = 10_000;

/** First pause before connecting again; each further failure doubles it. */
export const RETRY_FIRST_MS = 250;

/** Longest pause between two attempts: a server that comes back is found within it, and 1,000 dashboards ask it 70 times a second meanwhile. */
export const RETRY_LAST_MS = 15_000;

/** A connection that was live for so long was a good one: the next pause is the first again. */
export const SETTLED_MS = 5_000;

/** Pause before what was refused for the moment only (`unavailable`, `limit-exceeded`) is asked for again. */
export const REFUSED_MS = 5_000;

/** A connection without topics is closed after so long: pages change, and most watch something again at once. */
export const IDLE_MS = 30_000;
