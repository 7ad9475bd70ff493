// nginx that carries the bytes, with the gateway or oauth2-proxy as the server that it asks (auth_request). CPU time and
// memory are those of both processes.
import { freePort } from "@cloakroom/testing/free-port.ts";
import { nginxForwardAuth } from "@cloakroom/testkit/forward-auth-config.ts";
import type { BenchEnvironment, Contestant, Running } from "../contestant.ts";
import { nginxCommand } from "../nginx-config.ts";
import { startProgram } from "../start-process.ts";
import { startGatewayOf } from "./cloakroom.ts";
import { startOauth2Proxy } from "./oauth2-proxy.ts";

export const nginxWithForwardAuth: Contestant = {
  id: "forward-auth",
  name: "nginx + Cloakroom forward-auth",
  about:
    "deploy/forward-auth/nginx.conf as it ships, one worker, without an access log; the gateway with its session cache, all rules and its log",
  login: { path: "/bff/login", callbackPath: "/bff/callback" },
  headers: { "x-csrf": "1", "sec-fetch-site": "same-origin" },
  start: async (environment, port) => {
    const [gatewayPort, forwardAuth] = [await freePort(), await freePort()];
    const gateway = await startGatewayOf(environment, gatewayPort, {
      name: "forward-auth",
      env: {
        PUBLIC_ORIGIN: `http://localhost:${port}`,
        FORWARD_AUTH_LISTEN: `127.0.0.1:${forwardAuth}`,
        FORWARD_AUTH_PROXY: "nginx",
        TRUSTED_PROXIES: "127.0.0.1",
      },
    });
    const api = Number(new URL(environment.upstream).port);
    const config = nginxForwardAuth({ own: port, gateway: gatewayPort, forwardAuth, api });
    return withNginx(environment, port, gateway, `  access_log off;\n${config}`);
  },
};

export const nginxWithOauth2Proxy: Contestant = {
  id: "oauth2-proxy-auth-request",
  name: "nginx + oauth2-proxy auth_request",
  about:
    "the same nginx without an access log; oauth2-proxy with its sessions in Redis, which returns the ID token as bearer",
  login: { path: "/oauth2/start", callbackPath: "/oauth2/callback" },
  start: async (environment, port) => {
    const own = await freePort();
    const proxy = await startOauth2Proxy(environment, own, {
      "redirect-url": `http://localhost:${port}/oauth2/callback`,
      "set-authorization-header": "true",
      "set-xauthrequest": "true",
      "reverse-proxy": "true",
      "trusted-proxy-ip": "127.0.0.1",
      upstream: "static://202",
    });
    const http = `
  access_log off;
  upstream oauth2_proxy { server 127.0.0.1:${own}; keepalive 64; keepalive_requests 100000000; }
  upstream api { server ${new URL(environment.upstream).host}; keepalive 64; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port};
    location /oauth2/ {
      proxy_pass http://oauth2_proxy;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-Uri $request_uri;
      proxy_buffer_size 32k;
      proxy_buffers 4 32k;
    }
    location = /oauth2/auth {
      internal;
      client_max_body_size 0;
      proxy_pass http://oauth2_proxy;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-Uri $request_uri;
      proxy_set_header Content-Length "";
      proxy_pass_request_body off;
      proxy_buffer_size 32k;
      proxy_buffers 4 32k;
    }
    location /api/ {
      auth_request /oauth2/auth;
      auth_request_set $auth_authorization $upstream_http_authorization;
      proxy_pass http://api;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Authorization $auth_authorization;
      proxy_set_header Cookie "";
      client_max_body_size 1g;
      proxy_request_buffering off;
      proxy_buffering off;
      proxy_buffer_size 32k;
      proxy_buffers 4 32k;
      proxy_read_timeout 1h;
    }
  }`;
    return withNginx(environment, port, proxy, http);
  },
};

async function withNginx({ folder }: BenchEnvironment, port: number, behind: Running, http: string): Promise<Running> {
  try {
    const command = nginxCommand({ folder, name: `nginx-${port}`, http });
    const nginx = await startProgram("nginx", command, port);
    return {
      ...nginx,
      otherPids: [behind.pid],
      stop: async () => {
        await nginx.stop();
        await behind.stop();
      },
    };
  } catch (error) {
    await behind.stop();
    throw error;
  }
}
