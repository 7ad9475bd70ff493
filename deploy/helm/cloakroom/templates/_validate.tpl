{{/*
Rules that involve several values, and values without a default. All violations are reported at once, one sentence each:
value, rule, cure. Types and names are checked by values.schema.json before.
*/}}

{{- define "cloakroom.validate" -}}
{{- $faults := list -}}
{{- $v := .Values -}}
{{- $config := $v.config -}}
{{- $keycloak := $v.keycloak -}}

{{- if not $v.image.repository -}}
  {{- $faults = append $faults "image.repository is not set: the project publishes no image under a name that it owns. Build the gateway's image, push it to your registry and set its name." -}}
{{- end -}}
{{- if not $v.existingSecret -}}
  {{- $faults = append $faults "existingSecret is not set: the gateway reads secret_keys, client_secret and redis_url from it. Create the Secret in this namespace and set its name." -}}
{{- end -}}

{{- /* Applications. */ -}}
{{- $names := dict -}}
{{- if $config.applications -}}
  {{- range $index, $application := $config.applications -}}
    {{- $_ := set $names (printf "config.applications[%d]" $index) (mergeOverwrite (deepCopy (pick $config "provider" "origin" "id" "upstreams")) (deepCopy $application)) -}}
  {{- end -}}
{{- else -}}
  {{- $_ := set $names "config" $config -}}
{{- end -}}
{{- range $place, $application := $names -}}
  {{- $provider := $application.provider | default dict -}}
  {{- if not $application.origin -}}
    {{- $faults = append $faults (printf "%s.origin is not set. Set the origin that browsers use, such as https://app.example.com." $place) -}}
  {{- else if not (regexMatch "^https?://[^/$]+$" (toString $application.origin)) -}}
    {{- $faults = append $faults (printf "%s.origin must be an origin without references, such as https://app.example.com: the routes take their host names from it." $place) -}}
  {{- end -}}
  {{- if not $keycloak.enabled -}}
    {{- range list "issuer" "clientId" -}}
      {{- if not (get $provider .) -}}
        {{- $faults = append $faults (printf "%s.provider.%s is not set. Set it as registered at your provider, or keycloak.enabled for the built-in one." $place .) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
  {{- if and $v.redis.enabled (not $application.id) -}}
    {{- $faults = append $faults (printf "%s.id is not set: the built-in Redis limits the gateway to the keys of this id. Set 1 to 32 lowercase letters, digits and hyphens." $place) -}}
  {{- end -}}
{{- end -}}

{{- /* Secrets that the ConfigMap would show. */ -}}
{{- range $place, $value := include "cloakroom.secretValues" . | fromYaml -}}
  {{- $isReference := or (kindIs "map" $value) (and (kindIs "string" $value) (regexMatch "^(file:|[^$]*\\$\\{[A-Za-z_][A-Za-z0-9_]*\\})" $value)) -}}
  {{- if and $value (not $isReference) -}}
    {{- $faults = append $faults (printf "%s is a secret in plain text, which the ConfigMap and the release would show. Write { file: /secrets/KEY } for a key of existingSecret." $place) -}}
  {{- end -}}
{{- end -}}

{{- if and (hasKey $config "drainSeconds") (not (regexMatch "^[0-9]+$" (toString $config.drainSeconds))) -}}
  {{- $faults = append $faults "config.drainSeconds must be a number: the grace period of the pods is derived from it." -}}
{{- end -}}

{{- /* Pods. */ -}}
{{- if and (eq (toString $v.rollout.maxSurge | trimSuffix "%") "0") (eq (toString $v.rollout.maxUnavailable | trimSuffix "%") "0") -}}
  {{- $faults = append $faults "rollout.maxSurge and rollout.maxUnavailable are both 0: a rollout could not replace any pod. Set one of them." -}}
{{- end -}}
{{- if and $v.autoscaling.enabled (gt (int $v.autoscaling.minReplicas) (int $v.autoscaling.maxReplicas)) -}}
  {{- $faults = append $faults "autoscaling.minReplicas exceeds autoscaling.maxReplicas. Raise the maximum." -}}
{{- end -}}
{{- /* Settings that the environment overrides, and references of config's secrets. */ -}}
{{- $secretNames := list "SECRET_KEYS" "OIDC_CLIENT_SECRET" "KEYCLOAK_ADMIN_CLIENT_SECRET" "REDIS_SENTINEL_PASSWORD" "ADMIN_TOKEN" -}}
{{- range include "cloakroom.secretValues" . | fromYaml -}}
  {{- if kindIs "string" . -}}
    {{- range regexFindAll "\\$\\{[A-Za-z_][A-Za-z0-9_]*" . -1 -}}{{- $secretNames = append $secretNames (trimPrefix "${" .) -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- range $v.extraEnv -}}
  {{- if has .name (list "NODE_ENV" "CLOAKROOM_CONFIG" "HOST" "PORT" "MANAGEMENT_HOST" "MANAGEMENT_PORT" "FORWARD_AUTH_LISTEN" "FORWARD_AUTH_PROXY") -}}
    {{- $faults = append $faults (printf "extraEnv sets %s, which the chart sets. Remove it; listenAddress and forwardAuth change the listeners." .name) -}}
  {{- end -}}
  {{- if and .value (or (has .name $secretNames) (regexMatch "^[a-z][a-z0-9+.-]*://[^/@]*:[^/@]+@" .value)) -}}
    {{- $faults = append $faults (printf "extraEnv.%s is a secret in plain text, which the Deployment and the release would show. Write valueFrom.secretKeyRef." .name) -}}
  {{- end -}}
{{- end -}}

{{- /* Routes. */ -}}
{{- if and $v.gatewayApi.enabled (not $v.gatewayApi.parentRefs) -}}
  {{- $faults = append $faults "gatewayApi.parentRefs is empty: without a Gateway the route has no effect. Name your Gateway and its https listener." -}}
{{- end -}}
{{- if and $v.ingress.enabled (not $v.ingress.className) -}}
  {{- $faults = append $faults "ingress.className is not set. Set the class of your Ingress controller, such as traefik or haproxy." -}}
{{- end -}}

{{- /* Forward-auth. */ -}}
{{- if $v.forwardAuth.enabled -}}
  {{- if not $v.forwardAuth.proxy -}}
    {{- $faults = append $faults "forwardAuth.proxy is not set. Set the proxy that calls the listener: nginx, traefik, caddy or envoy." -}}
  {{- end -}}
  {{- if not $v.forwardAuth.from -}}
    {{- $faults = append $faults "forwardAuth.from is empty: responses of the listener contain access tokens. List the NetworkPolicy peers of the proxy's pods." -}}
  {{- end -}}
  {{- if not $v.networkPolicy.enabled -}}
    {{- $faults = append $faults "forwardAuth.enabled needs networkPolicy.enabled: responses of the listener contain access tokens, and the policy keeps other pods away from it." -}}
  {{- end -}}
  {{- if not $config.trustedProxies -}}
    {{- $faults = append $faults "forwardAuth.enabled needs config.trustedProxies: only these addresses may call the listener. List the addresses of the proxy's pods." -}}
  {{- end -}}
{{- end -}}

{{- /* Built-in Keycloak. */ -}}
{{- if $keycloak.enabled -}}
  {{- if $config.applications -}}
    {{- $faults = append $faults "keycloak.enabled and config.applications exclude each other: the built-in realm has one client. Use your own provider for several applications." -}}
  {{- end -}}
  {{- range list "issuer" "internalUrl" "clientId" -}}
    {{- if get ($config.provider | default dict) . -}}
      {{- $faults = append $faults (printf "config.provider.%s is set by keycloak.enabled. Remove one of the two." .) -}}
    {{- end -}}
  {{- end -}}
  {{- if not $keycloak.image.repository -}}
    {{- $faults = append $faults "keycloak.image.repository is not set. Build deploy/keycloak, push the image to your registry and set its name." -}}
  {{- end -}}
  {{- if not $keycloak.origin -}}
    {{- $faults = append $faults "keycloak.origin is not set. Set the origin of Keycloak in the browser, such as https://id.example.com." -}}
  {{- end -}}
  {{- if not $keycloak.existingSecret -}}
    {{- $faults = append $faults "keycloak.existingSecret is not set: Keycloak reads database_password, bootstrap_admin_password, alice_password and admin_password from it. Create the Secret in this namespace and set its name." -}}
  {{- end -}}
  {{- if not $config.trustedProxies -}}
    {{- $faults = append $faults "keycloak.enabled needs config.trustedProxies: without it Keycloak would trust X-Forwarded-* of any address. List the addresses of your proxy's pods." -}}
  {{- end -}}
{{- end -}}
{{- if $v.demoApi.enabled -}}
  {{- if not $keycloak.enabled -}}
    {{- $faults = append $faults "demoApi.enabled needs keycloak.enabled: the demo accepts tokens of the built-in realm only. Name your own API in config.upstreams." -}}
  {{- end -}}
  {{- if not $v.demoApi.image.repository -}}
    {{- $faults = append $faults "demoApi.image.repository is not set. Build demo/Dockerfile, push the image to your registry and set its name." -}}
  {{- end -}}
{{- end -}}
{{- if $v.backup.enabled -}}
  {{- if not (include "cloakroom.hasPostgresql" .) -}}
    {{- $faults = append $faults "backup.enabled needs the built-in PostgreSQL (keycloak.enabled without keycloak.database.host). Use the backups of your database service." -}}
  {{- end -}}
  {{- if not $v.backup.certificateConfigMap -}}
    {{- $faults = append $faults "backup.certificateConfigMap is not set: backups are always encrypted. Create the ConfigMap with backup-certificate.pem (docs/guides/backup.md) and set its name." -}}
  {{- end -}}
{{- end -}}

{{- if $faults -}}
  {{- fail (printf "\n\nThe values are not complete or contradict each other:\n- %s\n" (join "\n- " $faults)) -}}
{{- end -}}
{{- end -}}

{{/* Settings that hold secrets, by their place: YAML. */}}
{{- define "cloakroom.secretValues" -}}
{{- $found := dict -}}
{{- $config := .Values.config -}}
{{- $keys := $config.secretKeys -}}
{{- if kindIs "slice" $keys -}}
  {{- range $index, $key := $keys -}}{{- $_ := set $found (printf "config.secretKeys[%d]" $index) $key -}}{{- end -}}
{{- else if $keys -}}
  {{- $_ := set $found "config.secretKeys" $keys -}}
{{- end -}}
{{- $redis := $config.redis | default dict -}}
{{- /* A URL without a password is no secret. */ -}}
{{- if and (kindIs "string" $redis.url) (contains "@" $redis.url) -}}{{- $_ := set $found "config.redis.url" (regexReplaceAll "^[^:]+://[^:@]*:?" $redis.url "" | regexFind "^.*@" | trimSuffix "@") -}}{{- end -}}
{{- $_ := set $found "config.redis.sentinelPassword" $redis.sentinelPassword -}}
{{- $_ := set $found "config.management.adminToken" ($config.management | default dict).adminToken -}}
{{- $proxy := $config.outboundProxy | default dict -}}
{{- range list "https" "http" -}}
  {{- $url := get $proxy . -}}
  {{- if and (kindIs "string" $url) (contains "@" $url) -}}{{- $_ := set $found (printf "config.outboundProxy.%s" .) (regexReplaceAll "^[^:]+://[^:@]*:?" $url "" | regexFind "^.*@" | trimSuffix "@") -}}{{- end -}}
{{- end -}}
{{- $places := dict "config" $config -}}
{{- range $index, $application := $config.applications -}}
  {{- $_ := set $places (printf "config.applications[%d]" $index) $application -}}
{{- end -}}
{{- range $place, $application := $places -}}
  {{- $provider := $application.provider | default dict -}}
  {{- $_ := set $found (printf "%s.provider.clientSecret" $place) $provider.clientSecret -}}
  {{- $_ := set $found (printf "%s.provider.keycloakAdmin.clientSecret" $place) ($provider.keycloakAdmin | default dict).clientSecret -}}
  {{- if kindIs "slice" $application.upstreams -}}
    {{- range $index, $row := $application.upstreams -}}
      {{- range $name, $value := $row.headers -}}
        {{- if regexMatch "(?i)authorization|key|token|secret|password" $name -}}
          {{- $_ := set $found (printf "%s.upstreams[%d].headers.%s" $place $index $name) $value -}}
        {{- end -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- toYaml $found -}}
{{- end -}}
