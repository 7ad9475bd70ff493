// Mutants of the Helm chart. Their tests need Helm (npm run setup).
import type { Mutant } from "./mutants.ts";

const RENDERED = ["../deploy/test/helm.extended.test.ts"];
const SCRIPTS = ["../deploy/test/helm-chart.test.ts"];
const template = (name: string) => `../deploy/helm/cloakroom/templates/${name}`;

export const CHART_MUTANTS: readonly Mutant[] = [
  {
    breaks: "chart: containers may write to their root file system",
    file: template("_helpers.tpl"),
    find: "readOnlyRootFilesystem: true\n",
    replace: "",
    tests: RENDERED,
  },
  {
    breaks: "chart: pods have a service account token",
    file: template("_helpers.tpl"),
    find: "automountServiceAccountToken: false\n",
    replace: "",
    tests: RENDERED,
  },
  {
    breaks: "chart: a version of the chart restarts Redis",
    file: template("redis.yaml"),
    find: '{{- include "cloakroom.podLabels" (list . "redis") | nindent 8 }}',
    replace: '{{- include "cloakroom.labels" (list . "redis") | nindent 8 }}',
    tests: RENDERED,
  },
  {
    breaks: "chart: a secret in plain text is accepted",
    file: template("_validate.tpl"),
    find: "{{- if and $value (not $isReference) -}}",
    replace: "{{- if false -}}",
    tests: RENDERED,
  },
  {
    breaks: "chart: the default of a reference may be a secret in plain text",
    file: template("_validate.tpl"),
    find: "[A-Za-z0-9_]*\\\\})",
    replace: "[A-Za-z0-9_]*)",
    tests: RENDERED,
  },
  {
    breaks: "chart: forward-auth admits all pods",
    file: template("_validate.tpl"),
    find: "{{- if not $v.forwardAuth.from -}}",
    replace: "{{- if false -}}",
    tests: RENDERED,
  },
  {
    breaks: "chart: the management listener has a Service",
    file: template("service.yaml"),
    find: "targetPort: http, protocol: TCP, appProtocol: http }",
    replace: "targetPort: management, protocol: TCP, appProtocol: http }",
    tests: RENDERED,
  },
  {
    breaks: "chart: all pods may read the management listener",
    file: template("networkpolicies.yaml"),
    find: "  ingress:\n    - ports: [{ port: 3000, protocol: TCP }]",
    replace: "  ingress:\n    - ports: [{ port: 3000, protocol: TCP }, { port: 9000, protocol: TCP }]",
    tests: RENDERED,
  },
  {
    breaks: "chart: no policy denies what no other allows",
    file: template("networkpolicies.yaml"),
    find: "  policyTypes: [Ingress, Egress]\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: {{ $fullname }}-dns",
    replace:
      "  policyTypes: [Ingress]\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: {{ $fullname }}-dns",
    tests: RENDERED,
  },
  {
    breaks: "chart: a changed limit restarts no pod and is never applied",
    file: template("_config.tpl"),
    find: '"secretKeys" "limits" "trustedProxies"',
    replace: '"secretKeys" "trustedProxies"',
    tests: RENDERED,
  },
  {
    breaks: "chart: the grace period ignores the provider's timeout",
    file: template("_config.tpl"),
    find: "{{- $timeout = max $timeout",
    replace: "{{- $ignored := max $timeout",
    tests: RENDERED,
  },
  {
    breaks: "chart: a value of 0 is replaced by the default",
    file: template("_config.tpl"),
    find: '{{- if not (hasKey $config "drainSeconds") -}}',
    replace: "{{- if not $config.drainSeconds -}}",
    tests: RENDERED,
  },
  {
    breaks: "chart: the built-in Redis grants the keys of the first application only",
    file: "../deploy/helm/cloakroom/files/redis-start.sh",
    find: 'keys="$keys ~cloakroom:$id:*"',
    replace: 'keys=" ~cloakroom:$id:*"',
    tests: SCRIPTS,
  },
  {
    breaks: "chart: a line break in redis_url adds a Redis user",
    file: "../deploy/helm/cloakroom/files/redis-start.sh",
    find: "*[!A-Za-z0-9_-]*) fail",
    replace: "*[%]*) fail",
    tests: SCRIPTS,
  },
];
