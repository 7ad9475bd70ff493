// The package manager that runs this command, and its commands for the messages and the project's README.

export type PackageManager = "npm" | "pnpm" | "yarn" | "bun";

export type Commands = { install: string; dev: string; build: string; start: string; test: string; exec: string };

const COMMANDS: Readonly<Record<PackageManager, Commands>> = {
  npm: {
    install: "npm install",
    dev: "npm run dev",
    build: "npm run build",
    start: "npm start",
    test: "npm test",
    exec: "npx",
  },
  pnpm: {
    install: "pnpm install",
    dev: "pnpm dev",
    build: "pnpm build",
    start: "pnpm start",
    test: "pnpm test",
    exec: "pnpm exec",
  },
  yarn: { install: "yarn", dev: "yarn dev", build: "yarn build", start: "yarn start", test: "yarn test", exec: "yarn" },
  bun: {
    install: "bun install",
    dev: "bun run dev",
    build: "bun run build",
    start: "bun run start",
    test: "bun run test",
    exec: "bunx",
  },
};

/** @param userAgent for example `pnpm/10.0.0 npm/? node/v22.23.2 linux x64` */
export function packageManagerOf(userAgent: string | undefined): PackageManager {
  const name = /^[a-z]+(?=\/)/.exec(userAgent ?? "")?.[0] ?? "";
  return Object.hasOwn(COMMANDS, name) ? (name as PackageManager) : "npm";
}

export function commandsOf(manager: PackageManager): Commands {
  return COMMANDS[manager];
}
