// All contestants in the order of the table. The first one is the baseline of the ratios.
import type { Contestant } from "../contestant.ts";
import { apacheRedis, apacheSharedMemory } from "./apache.ts";
import { cloakroomApplications } from "./applications.ts";
import { bare } from "./bare.ts";
import {
  cloakroomBearer,
  cloakroomCached,
  cloakroomDpop,
  cloakroomIdentity,
  cloakroomOther,
  cloakroomReading,
  cloakroomWorkers,
} from "./cloakroom.ts";
import { express } from "./express.ts";
import { nginxWithForwardAuth, nginxWithOauth2Proxy } from "./forward-auth.ts";
import { nginx } from "./nginx.ts";
import { oauth2Proxy } from "./oauth2-proxy.ts";
import { tutorial } from "./tutorial.ts";

export const CONTESTANTS: readonly Contestant[] = [
  bare,
  cloakroomCached,
  cloakroomReading,
  cloakroomWorkers,
  cloakroomDpop,
  cloakroomIdentity,
  cloakroomBearer,
  cloakroomApplications,
  ...cloakroomOther,
  nginx,
  nginxWithForwardAuth,
  nginxWithOauth2Proxy,
  oauth2Proxy,
  apacheSharedMemory,
  apacheRedis,
  express,
  tutorial,
];
