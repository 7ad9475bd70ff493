// The values of the Helm chart: names, types and meanings. values.schema.json and the table in README.md are generated from it.
import { text, flag, count, quantity, kubernetes, group, image, labels, choice, type Schema } from "./schema-parts.ts";

const RESOURCES = kubernetes("object", "ResourceRequirements");
const storage = (what: string) =>
  group(`Volume of ${what}.`, {
    size: quantity("Size."),
    className: text("StorageClass; empty: the default of the cluster."),
  });
const placement = {
  nodeSelector: labels("Labels of the nodes."),
  tolerations: kubernetes("array", "Toleration"),
};
const peers = (meaning: string) => ({ ...kubernetes("array", "NetworkPolicyPeer"), description: meaning });

/** In the order of values.yaml. */
export const CHART_VALUES: Readonly<Record<string, Schema>> = {
  image: image("The gateway's image. **Required**: `repository`. `tag`: the chart's appVersion unless set"),
  imagePullSecrets: kubernetes("array", "LocalObjectReference"),
  existingSecret: text(
    "**Required**: name of a Secret with the keys `secret_keys`, `client_secret` and `redis_url`, and any others. All keys are files in `/secrets`.",
  ),
  extraSecrets: {
    type: "array",
    items: { type: "string", minLength: 1 },
    description: "Names of further Secrets whose keys are files in `/secrets`.",
  },
  config: { description: "The gateway's `cloakroom.yaml`, with the keys of docs/guides/configuration-file.md." },
  listenAddress: choice(["0.0.0.0", "::"], "Address of the listeners. `::` for IPv6 and dual-stack clusters."),
  extraEnv: {
    type: "array",
    description:
      "Environment variables (Kubernetes EnvVar), which `config` refers to as `${NAME}`. Secrets need `valueFrom`.",
    items: {
      type: "object",
      required: ["name"],
      additionalProperties: false,
      properties: { name: { type: "string", minLength: 1 }, value: { type: "string" }, valueFrom: { type: "object" } },
    },
  },
  extraVolumes: kubernetes("array", "Volume"),
  extraVolumeMounts: kubernetes("array", "VolumeMount"),
  resources: RESOURCES,
  autoscaling: group("HorizontalPodAutoscaler.", {
    enabled: flag("Needs metrics-server."),
    minReplicas: count("Minimum number of pods.", 1),
    maxReplicas: count("Maximum number of pods.", 1),
    averageCpu: quantity("Average CPU per pod above which pods are added. A pod uses at most `1`."),
    scaleDownSeconds: count("Time with less load before a pod is removed, in seconds."),
  }),
  replicas: count("Number of pods without `autoscaling.enabled`.", 1),
  rollout: group("Rolling updates.", {
    maxSurge: amount("Additional pods during a rollout."),
    maxUnavailable: amount("Missing pods during a rollout. Percentages are rounded down."),
  }),
  preStopSeconds: count("Time between a pod's removal from the Service and SIGTERM, in seconds."),
  priorityClassName: text("PriorityClass of the gateway; empty: the default of the cluster."),
  priorityClass: group("PriorityClass of the built-in Redis and PostgreSQL.", {
    create: flag("Creates the class, which is an object of the cluster."),
    value: count("Its priority. Gateways have 0 unless `priorityClassName` is set."),
    name: text("Name of an existing class, with `create: false`."),
  }),
  podLabels: labels("Further labels of the pods."),
  podAnnotations: labels("Further annotations of the pods."),
  ...placement,
  affinity: kubernetes("object", "Affinity"),
  topologySpreadConstraints: {
    ...kubernetes("array", "TopologySpreadConstraint"),
    description: "Kubernetes TopologySpreadConstraint. Empty: soft spread over zones and nodes.",
  },
  service: group("Service of the public listener.", {
    type: choice(["ClusterIP", "NodePort", "LoadBalancer"], "Type of the Service."),
    port: count("Port of the Service.", 1),
    annotations: labels("Annotations of the Service."),
  }),
  gatewayApi: group("HTTPRoute (Gateway API v1).", {
    enabled: flag("Creates the route. Its host names are those of the applications' origins."),
    parentRefs: kubernetes("array", "ParentReference (https listeners)"),
    redirectParentRefs: kubernetes("array", "ParentReference (http listeners, redirected to https)"),
    timeouts: flag("Turns off the Gateway's time limits. `false` for controllers without HTTPRouteRequestTimeout."),
    annotations: labels("Annotations of the route."),
  }),
  ingress: group("Ingress.", {
    enabled: flag("Creates the Ingress. Its hosts are those of the applications' origins."),
    className: text("IngressClass, such as `traefik` or `haproxy`."),
    annotations: labels("Annotations, for settings of the controller."),
    tlsSecretName: text("Secret with the certificate of all hosts."),
  }),
  forwardAuth: group("Forward-auth listener, port 9001, with a Service of its own.", {
    enabled: flag("Turns the listener on."),
    proxy: choice(["", "nginx", "traefik", "caddy", "envoy"], "The proxy that calls it."),
    from: peers("NetworkPolicy peers of the proxy's pods. Only they may call it."),
  }),
  monitoring: group("Objects of the Prometheus operator.", {
    podMonitor: group("PodMonitor for `/metrics`.", {
      enabled: flag("Creates it."),
      interval: quantity("Scrape interval."),
      labels: labels("Labels that your Prometheus selects."),
    }),
    rules: group("PrometheusRule with the alerts of docs/reference/metrics.md.", {
      enabled: flag("Creates it."),
      labels: labels("Labels that your Prometheus selects."),
    }),
  }),
  networkPolicy: group("NetworkPolicies of all pods of the release.", {
    enabled: flag("Creates them."),
    from: peers("Peers that may send requests. Empty: any."),
    monitoringFrom: peers("Peers that may read `/metrics` and call the admin API. Empty: none."),
    dnsTo: peers("Peers of the DNS servers."),
    egressTo: peers("Destinations at the ports of the URLs in `config`. Empty: any address but link-local ones."),
    redis: group("Egress to an existing Redis.", {
      to: peers("Destinations. Empty: any address but link-local ones."),
      ports: {
        type: "array",
        items: { type: "integer", minimum: 1, maximum: 65535 },
        minItems: 1,
        description: "Ports of the servers and Sentinels.",
      },
    }),
    extraEgress: kubernetes("array", "NetworkPolicyEgressRule"),
  }),
  redis: group("Built-in Redis, one replica.", {
    enabled: flag("Installs it. Its address is `RELEASE-redis:6379`."),
    image: image("Image of Redis 6 or later, or Valkey, with a shell"),
    resources: RESOURCES,
    storage: storage("the append-only file"),
    ...placement,
  }),
  keycloak: group("Built-in Keycloak with the realm `demo`, for trials.", {
    enabled: flag("Installs it and sets `config.provider`."),
    image: image("Image of deploy/keycloak. **Required** with `enabled`: `repository`"),
    origin: text("Origin of Keycloak in the browser, such as `https://id.example.com`.", "^(https?://[^/]+)?$"),
    existingSecret: text(
      "Name of a Secret with the keys `database_password`, `bootstrap_admin_password`, `alice_password` and `admin_password`.",
    ),
    tlsSecretName: text("Secret with the certificate of its host, for the Ingress."),
    replicas: count("Number of pods. 0 while the database is restored."),
    database: group("Database.", {
      host: text("Host of an existing PostgreSQL; empty: the built-in one."),
      port: count("Port.", 1),
      name: text("Name of the database."),
      username: text("User. The password is `database_password`."),
    }),
    resources: RESOURCES,
    priorityClassName: text("PriorityClass; empty: the default of the cluster."),
    ...placement,
  }),
  postgresql: group("Database of the built-in Keycloak, one replica.", {
    image: image("Image of PostgreSQL"),
    resources: RESOURCES,
    storage: storage("the database"),
    ...placement,
  }),
  backup: group("Encrypted backups of the built-in PostgreSQL and of the Secrets.", {
    enabled: flag("Installs the CronJob."),
    schedule: text("Schedule of the CronJob."),
    timeZone: text("Time zone of the schedule."),
    keep: count("Number of backups that are kept.", 1),
    certificateConfigMap: text("Name of a ConfigMap with `backup-certificate.pem`."),
    resources: RESOURCES,
    storage: storage("the backups"),
  }),
  demoApi: group("The demo's resource API, with the built-in Keycloak only.", {
    enabled: flag("Installs it."),
    image: image("Image of demo/Dockerfile. **Required** with `enabled`: `repository`"),
  }),
};

function amount(description: string): Schema {
  return { type: ["integer", "string"], minimum: 0, pattern: "^\\d+%$", description };
}
