// The gateways that are attached to a server: one set of listeners for what Node reports beside requests, so that neither two
// gateways nor a gateway and the host respond to the same event.
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { isWebSocket } from "../http/websocket-handshake.ts";
import type { Log } from "../logging/log.ts";
import type { Gateway } from "./types.ts";

export type AttachedGateway = {
  isOwn: (request: IncomingMessage) => boolean;
  /** Whether one of its applications has this Host. */
  hasHost: (host: string) => boolean;
  upgrade: Gateway["upgrade"];
  onClientError: (error: NodeJS.ErrnoException, socket: Duplex) => void;
  onConnect: (request: IncomingMessage, socket: Duplex) => void;
  log: Pick<Log, "warn">;
};

type Attachments = { gateways: AttachedGateway[]; removeListeners: () => void };

/** By the host's server, which outlives a gateway. */
const attachmentsOf = new WeakMap<Server, Attachments>();

/** @returns a function that detaches the gateway */
export function attachGateway(server: Server, gateway: AttachedGateway): () => void {
  const attachments = attachmentsOf.get(server) ?? listen(server, gateway.log);
  attachmentsOf.set(server, attachments);
  const { gateways, removeListeners } = attachments;
  gateways.push(gateway);
  return () => {
    gateways.splice(gateways.indexOf(gateway), 1);
    if (gateways.length > 0) return;
    attachmentsOf.delete(server);
    removeListeners();
  };
}

/** Of several gateways of one server, those that do not know the Host leave the request to the one that does. */
export function isOfAnotherGateway({ headers, socket }: IncomingMessage, hasHost: AttachedGateway["hasHost"]): boolean {
  const { server } = socket as { server?: Server };
  const gateways = server === undefined ? [] : (attachmentsOf.get(server)?.gateways ?? []);
  const { host = "" } = headers;
  return gateways.some((each) => each.hasHost !== hasHost && each.hasHost(host)) && !hasHost(host);
}

/** Where the host has a listener for the same event, that one responds: two responses would be mixed. */
function listen(server: Server, log: AttachedGateway["log"]): Attachments {
  const gateways: AttachedGateway[] = [];
  const ownerOf = (request: IncomingMessage) => gateways.find(({ isOwn }) => isOwn(request));
  const isAlone = (event: string): boolean => server.listenerCount(event) === 1;
  const listeners: Readonly<Record<string, (...parameters: never[]) => void>> = {
    clientError(error: NodeJS.ErrnoException, socket: Duplex) {
      if (isAlone("clientError")) gateways[0]?.onClientError(error, socket);
    },
    connect(request: IncomingMessage, socket: Duplex) {
      if (isAlone("connect")) (ownerOf(request) ?? gateways[0])?.onConnect(request, socket);
    },
    /** A rejected upload is never sent: the reader of the body sends 100 Continue. */
    checkContinue(request: IncomingMessage, response: ServerResponse) {
      if (!isAlone("checkContinue")) return;
      if (ownerOf(request) === undefined) response.writeContinue();
      server.emit("request", request, response);
    },
    checkExpectation(request: IncomingMessage, response: ServerResponse) {
      if (!isAlone("checkExpectation")) return;
      if (ownerOf(request) === undefined) response.writeHead(417).end();
      else server.emit("request", request, response);
    },
    upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      void ownerOf(request)?.upgrade(request, socket, head),
  };
  for (const event of ["checkContinue", "checkExpectation"])
    if (server.listenerCount(event) > 0)
      log.warn("the gateway is not mounted as documented", {
        reason: `the server has a listener for ${event}: rejected uploads are sent before the gateway responds. Remove it.`,
      });
  for (const [event, listener] of Object.entries(listeners)) server.on(event, listener as () => void);
  const restore = [takeUpgradeDecision(server, ownerOf), keepUpgradesFromHost(server, ownerOf)];
  return {
    gateways,
    removeListeners() {
      for (const [event, listener] of Object.entries(listeners)) server.off(event, listener as () => void);
      for (const each of restore) each();
    },
  };
}

type OwnerOf = (request: IncomingMessage) => AttachedGateway | undefined;
type Deciding = Server & { shouldUpgradeCallback?: (request: IncomingMessage) => boolean };

/** Requests with another Upgrade than WebSocket stay ordinary ones, and so do those of a host without upgrades. */
function takeUpgradeDecision(server: Deciding, ownerOf: OwnerOf): () => void {
  const ofHost = server.shouldUpgradeCallback;
  server.shouldUpgradeCallback = function shouldUpgrade(request) {
    if (ownerOf(request) !== undefined) return isWebSocket(request);
    return server.listenerCount("upgrade") > 1 && (ofHost === undefined || ofHost.call(server, request));
  };
  return () => Object.assign(server, { shouldUpgradeCallback: ofHost });
}

/**
 * Servers for WebSockets listen for every upgrade: ws accepts each one, or responds 400 outside of its path; engine.io
 * destroys unknown ones. A handshake of the gateway must not reach them.
 */
function keepUpgradesFromHost(server: Server, ownerOf: OwnerOf): () => void {
  const ofServer = server.emit;
  const emit = function emitUnlessOwned(event: string, ...parameters: unknown[]): boolean {
    if (event === "upgrade") {
      const [request, socket, head] = parameters as [IncomingMessage, Duplex, Buffer];
      if (ownerOf(request)?.upgrade(request, socket, head) === true) return true;
    }
    return Reflect.apply(ofServer, server, [event, ...parameters]) as boolean;
  } as Server["emit"];
  server.emit = emit;
  return () => {
    // Another one may have wrapped it since: without gateways it passes every event on.
    if (server.emit === emit) server.emit = ofServer;
  };
}
