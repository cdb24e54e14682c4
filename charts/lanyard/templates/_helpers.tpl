{{- define "lanyard.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 59 | trimSuffix "-" -}}
{{- end -}}

{{- define "lanyard.fullname" -}}
{{- default (include "lanyard.name" .) .Values.fullnameOverride | trunc 59 | trimSuffix "-" -}}
{{- end -}}

{{- define "lanyard.namespace" -}}
{{- default .Release.Namespace .Values.namespace -}}
{{- end -}}

{{- define "lanyard.labels" -}}
app.kubernetes.io/name: {{ include "lanyard.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "lanyard.selector" -}}
app.kubernetes.io/name: {{ include "lanyard.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "lanyard.image" -}}
{{- $part := index .root.Values .component -}}
{{ .root.Values.image.repository }}/{{ $part.image }}:{{ default .root.Chart.AppVersion $part.tag }}
{{- end -}}

{{- define "lanyard.forceNamespaced" -}}
{{- if eq (toString .Values.forceNamespaced) "true" -}}true{{- end -}}
{{- end -}}

{{- define "lanyard.managed" -}}
{{- if eq .Values.operationMode "managed" -}}true{{- end -}}
{{- end -}}

{{- define "lanyard.nmiCloudConfig" -}}
{{- if include "lanyard.managed" . -}}{{ .Values.nmi.cloudConfig }}{{- end -}}
{{- end -}}

{{- define "lanyard.electionNamespace" -}}
{{- default (include "lanyard.namespace" .) .Values.mic.leaderElection.namespace -}}
{{- end -}}

{{- define "lanyard.electionName" -}}
{{- default "aad-pod-identity-mic" .Values.mic.leaderElection.name -}}
{{- end -}}

{{- /* namespace/name of the lock of aad-pod-identity's mic, or nothing. */}}
{{- define "lanyard.predecessorLock" -}}
{{- if .Values.mic.leaderElection.predecessor -}}
{{- default "default" .Values.mic.leaderElection.namespace -}}/{{- include "lanyard.electionName" . -}}
{{- end -}}
{{- end -}}

{{- define "lanyard.nmiProbePort" -}}
{{- default 8085 .Values.nmi.probePort -}}
{{- end -}}

{{- /* mic's variables, with the keys of aad-pod-identity's admin secret. */}}
{{- define "lanyard.adminVariables" -}}
CLOUD: Cloud
SUBSCRIPTION_ID: SubscriptionID
RESOURCE_GROUP: ResourceGroup
VM_TYPE: VMType
TENANT_ID: TenantID
CLIENT_ID: ClientID
CLIENT_SECRET: ClientSecret
USE_MSI: UseMSI
USER_ASSIGNED_MSI_CLIENT_ID: UserAssignedMSIClientID
{{- end -}}

{{- define "lanyard.broker" -}}
{{- if or .Values.broker.secretNamespaces .Values.broker.tokenNamespaces -}}true{{- end -}}
{{- end -}}

{{- /* mic runs where there is something for it to do. */ -}}
{{- define "lanyard.mic" -}}
{{- if or (not (include "lanyard.managed" .)) (include "lanyard.broker" .) -}}true{{- end -}}
{{- end -}}
