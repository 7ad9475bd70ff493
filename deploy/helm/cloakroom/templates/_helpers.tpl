{{/* Names, labels and fragments that several manifests share. */}}

{{- define "cloakroom.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels of every object. Call with (list $ "component"). */}}
{{- define "cloakroom.labels" -}}
{{- $root := index . 0 -}}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/part-of: cloakroom
app.kubernetes.io/version: {{ $root.Chart.AppVersion | replace "+" "_" | quote }}
{{ include "cloakroom.selector" . }}
{{- end -}}

{{/* Labels of pods. Without versions: an upgrade of the chart alone restarts no pod. */}}
{{- define "cloakroom.podLabels" -}}
app.kubernetes.io/part-of: cloakroom
{{ include "cloakroom.selector" . }}
{{- end -}}

{{/* Labels that select the pods of a component. They never change: a selector is immutable. */}}
{{- define "cloakroom.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Image reference. Call with (dict "image" .Values.x.image "tag" "default tag"). */}}
{{- define "cloakroom.image" -}}
{{- if .image.digest -}}
{{- printf "%s@%s" .image.repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" .image.repository (.image.tag | default .tag) -}}
{{- end -}}
{{- end -}}

{{/* Pod Security level "restricted". Call with the user id. */}}
{{- define "cloakroom.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "cloakroom.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}

{{/* No access to the API server, no variables with the addresses of other Services. */}}
{{- define "cloakroom.podDefaults" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Soft spread over zones and nodes. Call with (list $ "component"). */}}
{{- define "cloakroom.spread" -}}
{{- range $index, $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" -}}
{{- if $index }}
{{ end -}}
- maxSkew: 1
  topologyKey: {{ $key }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "cloakroom.selector" $ | nindent 6 }}
{{- end -}}
{{- end -}}

{{/* Volume with all keys of the gateway's Secrets. */}}
{{- define "cloakroom.secretsVolume" -}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range prepend .Values.extraSecrets .Values.existingSecret }}
      - secret: { name: {{ . | quote }} }
      {{- end }}
{{- end -}}

{{/* Volume with one key of a Secret. Call with (dict "volume" "secret" "key" "path"). */}}
{{- define "cloakroom.secretKeyVolume" -}}
- name: {{ .volume }}
  secret:
    secretName: {{ .secret | quote }}
    defaultMode: 0440
    items: [{ key: {{ .key }}, path: {{ .path }} }]
{{- end -}}

{{- define "cloakroom.dataPriorityClass" -}}
{{- if .Values.priorityClass.create -}}
{{- printf "%s-%s-data" .Release.Namespace (include "cloakroom.fullname" .) -}}
{{- else -}}
{{- .Values.priorityClass.name -}}
{{- end -}}
{{- end -}}

{{- define "cloakroom.hasPostgresql" -}}
{{- if and .Values.keycloak.enabled (not .Values.keycloak.database.host) }}true{{ end -}}
{{- end -}}

{{- define "cloakroom.databaseHost" -}}
{{- .Values.keycloak.database.host | default (printf "%s-postgresql" (include "cloakroom.fullname" .)) -}}
{{- end -}}
