// nginx as a plain reverse proxy.
import type { Contestant } from "../contestant.ts";
import { nginxCommand } from "../nginx-config.ts";
import { startProgram } from "../start-process.ts";

export const nginx: Contestant = {
  id: "nginx",
  name: "nginx, plain proxy",
  about: "Debian's package: no session, a fixed bearer, one worker, its access log on, buffering off as in the others",
  start: (environment, port) => {
    const http = `
  client_max_body_size 0;
  access_log ${environment.folder}/nginx-access.log combined;
  upstream api { server ${new URL(environment.upstream).host}; keepalive 256; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port};
    location /api/ {
      proxy_pass http://api/;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Authorization "Bearer ${"x".repeat(800)}";
      proxy_buffering off;
      proxy_request_buffering off;
      proxy_read_timeout 600s;
    }
  }`;
    return startProgram("nginx", nginxCommand({ folder: environment.folder, name: `nginx-${port}`, http }), port);
  },
};
