// Rules that involve several applications of one gateway.
import type { ApplicationConfig } from "../config-types.ts";
import type { SettingName } from "../settings.ts";

export type ApplicationFault = Readonly<{
  /** Index of the application. */
  index: number;
  setting: SettingName;
  message: string;
}>;

/** Two applications on one host would receive each other's cookies, which ignore ports. Two with one id would share sessions. */
export function applicationErrors(applications: readonly ApplicationConfig[]): ApplicationFault[] {
  const faults: ApplicationFault[] = [];
  const hosts = new Map<string, number>();
  const ids = new Map<string, number>();
  applications.forEach(({ publicOrigin, application }, index) => {
    const { hostname } = new URL(publicOrigin);
    const sameHost = hosts.get(hostname);
    const sameId = ids.get(application.id);
    if (sameHost !== undefined)
      faults.push({
        ...{ index, setting: "PUBLIC_ORIGIN" },
        message: `has the host name of applications[${sameHost}]. Cookies ignore ports: give each application a host name of its own`,
      });
    else if (sameId !== undefined)
      faults.push({
        ...{ index, setting: "APP_ID" },
        message: `is that of applications[${sameId}], whose sessions it would share. Give each application an id of its own`,
      });
    if (sameHost === undefined) hosts.set(hostname, index);
    if (sameId === undefined) ids.set(application.id, index);
  });
  return faults;
}
