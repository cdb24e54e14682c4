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

{{- /* A values file of aad-pod-identity may name its version, of which there are no images of ours. */}}
{{- define "lanyard.image" -}}
{{- $part := index .root.Values .component -}}
{{- if hasPrefix "mcr.microsoft.com/" .root.Values.image.repository -}}
{{- fail (printf "image.repository is %s, which has the images of aad-pod-identity: set it to where yours are (--set image.repository=…)" .root.Values.image.repository) -}}
{{- end -}}
{{ .root.Values.image.repository }}/{{ $part.image }}:{{ include "lanyard.predecessorTag" $part | empty | ternary $part.tag "" | default .root.Chart.AppVersion }}
{{- end -}}

{{- define "lanyard.predecessorTag" -}}
{{- if regexMatch "^v1\\.[5-8]\\.[0-9]+" (default "" .tag) -}}{{ .tag }}{{- end -}}
{{- end -}}

{{- define "lanyard.forceNamespaced" -}}
{{- if eq (toString .Values.forceNamespaced) "true" -}}true{{- end -}}
{{- end -}}

{{- define "lanyard.managed" -}}
{{- if eq .Values.operationMode "managed" -}}true{{- end -}}
{{- end -}}

{{- define "lanyard.podNetwork" -}}
{{- $kubenet := eq (toString .Values.nmi.allowNetworkPluginKubenet) "true" -}}
{{- .Values.nmi.podNetwork | default ($kubenet | ternary "bridge" "routed") -}}
{{- end -}}

{{- /* Affinity of pods that any node may have: as told, and to machines that there are images for. */}}
{{- define "lanyard.affinity" -}}
{{- $affinity := deepCopy (default dict .affinity) -}}
{{- with .root.Values.image.architectures -}}
{{- $machines := dict "key" "kubernetes.io/arch" "operator" "In" "values" . -}}
{{- $required := dict "nodeSelectorTerms" (list (dict "matchExpressions" (list $machines))) -}}
{{- if not $affinity.nodeAffinity -}}
{{- $_ := set $affinity "nodeAffinity" (dict "requiredDuringSchedulingIgnoredDuringExecution" $required) -}}
{{- end -}}
{{- end -}}
{{- if $affinity -}}
{{- toYaml $affinity -}}
{{- end -}}
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

{{- define "lanyard.brokerOfTokens" -}}
{{- if or .Values.broker.secretNamespaces .Values.broker.tokenNamespaces -}}true{{- end -}}
{{- end -}}

{{- define "lanyard.broker" -}}
{{- if or (include "lanyard.brokerOfTokens" .) (include "lanyard.entitlementsByBroker" .) -}}true{{- end -}}
{{- end -}}

{{- /* By default, wherever mic runs anyway and service account tokens name their node. */}}
{{- define "lanyard.entitlementsByBroker" -}}
{{- $named := semverCompare ">=1.30-0" .Capabilities.KubeVersion.Version -}}
{{- if eq .Values.nmi.entitlements "broker" -}}
{{- if not $named -}}
{{- fail (printf "nmi.entitlements is broker, but service account tokens name their node from Kubernetes 1.30 on, and this is %s: set it to kubernetes" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
true
{{- else if and (not .Values.nmi.entitlements) $named -}}
{{- if or (not (include "lanyard.managed" .)) (include "lanyard.brokerOfTokens" .) -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{- define "lanyard.webhook" -}}
{{- if and .Values.webhook.enabled (not (include "lanyard.managed" .)) -}}true{{- end -}}
{{- end -}}

{{- /* mic runs where there is something for it to do. */ -}}
{{- define "lanyard.mic" -}}
{{- if or (not (include "lanyard.managed" .)) (include "lanyard.broker" .) -}}true{{- end -}}
{{- end -}}

{{- /* Keys of aad-pod-identity's chart that are set to something that isn't done, a line each. */}}
{{- define "lanyard.unheeded" -}}
{{- $nmi := .Values.nmi -}}
{{- $mic := .Values.mic -}}
{{- range list
  (list "mic.leaderElection.instance" $mic.leaderElection.instance "a replica goes by its pod's name")
  (list "mic.updateUserMSIMaxRetry" $mic.updateUserMSIMaxRetry "identities are tried again for as long as they are wanted, each by itself")
  (list "mic.tag" (include "lanyard.predecessorTag" $mic) (printf "it is aad-pod-identity's version; this is %s" .Chart.AppVersion))
  (list "nmi.tag" (include "lanyard.predecessorTag" $nmi) (printf "it is aad-pod-identity's version; this is %s" .Chart.AppVersion))
  (list "nmi.logVerbosity" $nmi.logVerbosity "the agent logs each refusal and its reason")
  (list "nmi.loggingFormat" (eq (toString $nmi.loggingFormat) "json" | ternary "" $nmi.loggingFormat) "the agent logs JSON")
  (list "nmi.ipTableUpdateTimeIntervalInSeconds" $nmi.ipTableUpdateTimeIntervalInSeconds "nobody else writes to the agent's own nftables table")
  (list "nmi.micNamespace" $nmi.micNamespace "mic is known by its service account, wherever it is")
  (list "nmi.retryAttemptsForCreated" $nmi.retryAttemptsForCreated "waiting requests are woken when the identity comes; nmi.extraArgs has --assignment-timeout for how long they wait")
  (list "nmi.retryAttemptsForAssigned" $nmi.retryAttemptsForAssigned "see nmi.retryAttemptsForCreated")
  (list "nmi.findIdentityRetryIntervalInSeconds" $nmi.findIdentityRetryIntervalInSeconds "nothing is polled for")
  (list "nmi.metadataHeaderRequired" (eq (toString $nmi.metadataHeaderRequired) "false" | ternary "false" "") "the header Metadata is always required, as by Azure")
  (list "nmi.enableScaleFeatures" (eq (toString $nmi.enableScaleFeatures) "false" | ternary "false" "") "an agent always watches what concerns its own node")
  (list "rbac.pspEnabled" (eq (toString .Values.rbac.pspEnabled) "true" | ternary "true" "") "Kubernetes 1.25 has no PodSecurityPolicy any more")
}}
{{- if index . 1 }}
  {{ index . 0 }}: {{ index . 2 }}
{{- end }}
{{- end }}
{{- range $key, $identity := .Values.azureIdentities }}
{{- $namespace := default (include "lanyard.namespace" $) $identity.namespace }}
{{- if and (has (int (default 0 $identity.type)) (list 1 2)) (not (has $namespace $.Values.broker.secretNamespaces)) }}
  azureIdentities.{{ $key }}: no secret is read before broker.secretNamespaces names {{ $namespace }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "lanyard.egressToNames" -}}
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end -}}
