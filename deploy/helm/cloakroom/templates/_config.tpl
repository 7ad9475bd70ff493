{{/* cloakroom.yaml: `config`, with the defaults of the chart. */}}

{{- define "cloakroom.config" -}}
{{- include "cloakroom.validate" . -}}
{{- $fullname := include "cloakroom.fullname" . -}}
{{- $config := deepCopy .Values.config -}}
{{- if not (hasKey $config "drainSeconds") -}}{{- $_ := set $config "drainSeconds" 20 -}}{{- end -}}
{{- if not (hasKey $config "secretKeys") -}}
  {{- $_ := set $config "secretKeys" (list (dict "file" "/secrets/secret_keys")) -}}
{{- end -}}
{{- $redis := $config.redis | default dict -}}
{{- if not (hasKey $redis "url") -}}{{- $_ := set $redis "url" (dict "file" "/secrets/redis_url") -}}{{- end -}}
{{- $_ := set $config "redis" $redis -}}
{{- $provider := $config.provider | default dict -}}
{{- if .Values.keycloak.enabled -}}
  {{- $issuer := printf "%s/realms/demo" .Values.keycloak.origin -}}
  {{- $provider = merge $provider (dict
    "issuer" $issuer
    "internalUrl" (printf "http://%s-keycloak:8080" $fullname)
    "clientId" "cloakroom"
    "accountUrl" (printf "%s/account/?referrer=cloakroom" $issuer)
  ) -}}
{{- end -}}
{{- /* The usual credential of a single application. Several applications name their own. */ -}}
{{- $isSecret := hasPrefix "client_secret" ($provider.clientAuth | default "client_secret_basic") -}}
{{- if and $isSecret (not $config.applications) (not $provider.profile) (not (hasKey $provider "clientSecret")) -}}
  {{- $_ := set $provider "clientSecret" (dict "file" "/secrets/client_secret") -}}
{{- end -}}
{{- if $provider -}}{{- $_ := set $config "provider" $provider -}}{{- end -}}
{{- if and .Values.demoApi.enabled (not $config.upstreams) (not $config.applications) -}}
  {{- $row := dict "prefix" "/api" "baseUrl" (printf "http://%s-demo-api:8000" $fullname) -}}
  {{- $_ := set $config "upstreams" (list $row) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* The applications of the file, each with the defaults of the top level: a YAML list. */}}
{{- define "cloakroom.applications" -}}
{{- $config := include "cloakroom.config" . | fromYaml -}}
{{- $shared := pick $config "provider" "upstreams" "pages" "origin" "id" -}}
{{- $applications := list -}}
{{- range $config.applications | default (list dict) -}}
  {{- $applications = append $applications (mergeOverwrite (deepCopy $shared) (deepCopy .)) -}}
{{- end -}}
{{- toYaml $applications -}}
{{- end -}}

{{/* Host names of the applications, without ports: a YAML list. */}}
{{- define "cloakroom.hosts" -}}
{{- $hosts := list -}}
{{- range include "cloakroom.applications" . | fromYamlArray -}}
  {{- $hosts = append $hosts (include "cloakroom.hostOf" (.origin | default "" | toString)) -}}
{{- end -}}
{{- toYaml (compact $hosts | uniq) -}}
{{- end -}}

{{- define "cloakroom.hostOf" -}}
{{- if hasPrefix "http" . -}}{{- (urlParse .).hostname -}}{{- end -}}
{{- end -}}

{{/* Ids of the applications, separated by blanks. */}}
{{- define "cloakroom.ids" -}}
{{- $ids := list -}}
{{- range include "cloakroom.applications" . | fromYamlArray -}}
  {{- $ids = append $ids (.id | default "" | toString) -}}
{{- end -}}
{{- join " " $ids -}}
{{- end -}}

{{/*
Ports of the addresses outside the release that the gateway connects to, without Redis: a YAML list. References to
variables are not resolved: only what stands beside them counts.
*/}}
{{- define "cloakroom.egressPorts" -}}
{{- $root := . -}}
{{- $config := include "cloakroom.config" . | fromYaml -}}
{{- $urls := list -}}
{{- range include "cloakroom.applications" . | fromYamlArray -}}
  {{- $provider := .provider | default dict -}}
  {{- $urls = append $urls ($provider.internalUrl | default $provider.issuer) -}}
  {{- $pages := .pages | default dict -}}
  {{- if kindIs "map" $pages -}}{{- $urls = append $urls $pages.url -}}{{- end -}}
  {{- if kindIs "slice" .upstreams -}}
    {{- range .upstreams -}}
      {{- if kindIs "slice" .baseUrl -}}{{- $urls = concat $urls .baseUrl -}}{{- else -}}{{- $urls = append $urls .baseUrl -}}{{- end -}}
    {{- end -}}
  {{- else if kindIs "string" .upstreams -}}
    {{- $urls = concat $urls (regexFindAll "https?://[^,\\s]+" .upstreams -1) -}}
  {{- end -}}
{{- end -}}
{{- $proxy := $config.outboundProxy | default dict -}}
{{- $urls = append (append $urls $proxy.https) $proxy.http -}}
{{- $ports := list -}}
{{- range $urls -}}
  {{- if and (kindIs "string" .) (regexMatch "^https?://" .) -}}
    {{- $url := regexReplaceAll "\\$\\{[^}]*\\}" . "" | urlParse -}}
    {{- $isOwn := hasPrefix (printf "%s-" (include "cloakroom.fullname" $root)) $url.hostname -}}
    {{- if not $isOwn -}}
      {{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" -}}
      {{- $ports = append $ports (int ($port | default (ternary "443" "80" (eq $url.scheme "https")))) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- toYaml (uniq $ports) -}}
{{- end -}}

{{/* Ports of an existing Redis: those of networkPolicy.redis, and those of config.redis.url if it names servers. A YAML list. */}}
{{- define "cloakroom.redisPorts" -}}
{{- $ports := list -}}
{{- range .Values.networkPolicy.redis.ports -}}{{- $ports = append $ports (int .) -}}{{- end -}}
{{- $url := dig "redis" "url" "" .Values.config -}}
{{- if and (kindIs "string" $url) (regexMatch "^rediss?(\\+[a-z]+)?://" $url) -}}
  {{- $default := ternary "26379" "6379" (contains "+sentinel:" $url) -}}
  {{- range regexReplaceAll "^[^:]*://(.*@)?|[/?#][^@]*$" $url "" | splitList "," -}}
    {{- $ports = append $ports (int (regexFind ":[0-9]+$" . | trimPrefix ":" | default $default)) -}}
  {{- end -}}
{{- end -}}
{{- toYaml (uniq $ports) -}}
{{- end -}}

{{/*
Settings of the process, which a running gateway does not take over from a changed file: the pods are replaced when they
change. All other settings are reloaded without a restart.
*/}}
{{- define "cloakroom.processSettings" -}}
{{- $names := list "management" "redis" "secretKeys" "limits" "trustedProxies" "workers" "drainSeconds" "log" -}}
{{- $config := include "cloakroom.config" . | fromYaml -}}
{{- $chosen := dict -}}
{{- range $names -}}
  {{- if hasKey $config . -}}{{- $_ := set $chosen . (get $config .) -}}{{- end -}}
{{- end -}}
{{- toYaml $chosen -}}
{{- end -}}

{{/* preStop, drainSeconds, the longest provider.timeoutSeconds and 10 s for the result of a token refresh. */}}
{{- define "cloakroom.terminationSeconds" -}}
{{- $config := include "cloakroom.config" . | fromYaml -}}
{{- $timeout := 10 -}}
{{- range include "cloakroom.applications" . | fromYamlArray -}}
  {{- $timeout = max $timeout (int ((.provider | default dict).timeoutSeconds | default 10)) -}}
{{- end -}}
{{- add .Values.preStopSeconds (int $config.drainSeconds) $timeout 10 -}}
{{- end -}}

{{/* Values of the Host header, separated by blanks. */}}
{{- define "cloakroom.authorities" -}}
{{- $hosts := list -}}
{{- range include "cloakroom.applications" . | fromYamlArray -}}
  {{- $hosts = append $hosts (urlParse (.origin | default "" | toString)).host -}}
{{- end -}}
{{- join " " (compact $hosts) -}}
{{- end -}}

{{- define "cloakroom.trustedProxies" -}}
{{- $proxies := .Values.config.trustedProxies | default list -}}
{{- if kindIs "slice" $proxies -}}{{- join "," $proxies -}}{{- else -}}{{- $proxies -}}{{- end -}}
{{- end -}}
